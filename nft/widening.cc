#include "nft/widening.h"

#include <algorithm>

namespace dnspin {
namespace {

bool HasSetsToDrop(const Policy& policy) {
  return std::any_of(policy.rules.begin(), policy.rules.end(),
                     [](const Rule& rule) { return rule.DropsAddresses(); });
}

bool OnlyAcceptsHaveCome(const RuleList& before, const RuleList& after) {
  const Rule* old = before.begin();
  for (const Rule& rule : after) {
    if (old != before.end() && rule == *old) {
      ++old;
    } else if (rule.action != Action::kAccept) {
      return false;
    }
  }
  return old == before.end();
}

bool AreHeld(const auto& keys, const Ledger& ledger) {
  return std::all_of(keys.begin(), keys.end(), [&](const auto& entry) {
    return ledger.pins().contains(entry.first) || ledger.past().contains(entry.first);
  });
}

}  // namespace

bool OnlyWidens(const ServedClient& before, const ServedClient& after) {
  return before.desired.addresses == after.desired.addresses &&
         before.desired.interfaces == after.desired.interfaces &&
         before.policy.reaches_upstreams == after.policy.reaches_upstreams &&
         !HasSetsToDrop(before.policy) && !HasSetsToDrop(after.policy) &&
         OnlyAcceptsHaveCome(before.policy.rules, after.policy.rules) &&
         AreHeld(before.ledger.pins(), after.ledger) && AreHeld(before.ledger.past(), after.ledger);
}

}  // namespace dnspin
