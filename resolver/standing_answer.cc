#include "resolver/standing_answer.h"

#include <algorithm>
#include <set>

#include "pinning/drop_names.h"
#include "pinning/lineage.h"
#include "pinning/pin_life.h"
#include "resolver/cache.h"
#include "resolver/special_name.h"

namespace dnspin {
namespace {

using std::chrono::seconds;
using Why = StandingQuestion::Why;

constexpr seconds kLifeMin{5};

// Exact names of accept rules, as far as they are pinned now.
std::vector<Name> PrefetchedNames(const ClientPolicy& policy) {
  std::vector<Name> names;
  std::set<Name> known;
  const RuleList& rules = policy.policy().rules;
  for (const uint32_t position : policy.policy().prefetch) {
    if (names.size() == kPrefetchNamesMax || position >= rules.size()) {
      break;
    }
    const auto& host = rules[position].host;
    if (!rules[position].PinsNames() || host->kind != HostPattern::Kind::kName ||
        CanaryReply(host->name) || !known.insert(host->name).second) {
      continue;
    }
    const Permission permission = policy.Judge(host->name, dns::kA, Transport::kTcp, std::nullopt);
    if (permission.standing == Standing::kPinned) {
      names.push_back(host->name);
    }
  }
  return names;
}

seconds Bounded(seconds life, const PinTerms& terms) {
  return std::min(std::max(life, kLifeMin), std::max(terms.told_max, kLifeMin));
}

}  // namespace

std::vector<StandingQuestion> StandingQuestionsOf(const ClientPolicy& policy) {
  std::vector<StandingQuestion> questions;
  const auto add = [&](Why why, const std::vector<Name>& names) {
    for (const Name& name : names) {
      for (const auto& [family, type] :
           {std::pair(Family::kIpv4, dns::kA), std::pair(Family::kIpv6, dns::kAaaa)}) {
        if (policy.policy().HasFamily(family)) {
          questions.push_back({why, name, type});
        }
      }
    }
  };
  add(Why::kDropped, DropNamesOf(policy.policy().rules));
  add(Why::kPrefetched, PrefetchedNames(policy));
  return questions;
}

std::optional<DefiniteAnswer> Definite(const UpstreamResult& result, const PinTerms& terms) {
  const auto* const answer = std::get_if<Answer>(&result);
  if (answer == nullptr || (answer->rcode != dns::kNoError && answer->rcode != dns::kNxDomain)) {
    return std::nullopt;
  }
  const auto walked = Walk(*answer);
  const auto* const lineage = std::get_if<Lineage>(&walked);
  if (lineage == nullptr) {
    return std::nullopt;
  }
  return DefiniteAnswer{lineage->addresses, Bounded(LifeOf(result).value_or(seconds(0)), terms)};
}

bool IsOurs(const Name& name, uint16_t type) {
  return CanaryReply(name).has_value() || LocalReply(name, type).has_value();
}

std::vector<DropAddresses> PiecesOf(const Name& name, Family family, uint32_t generation,
                                    const std::vector<Address>& addresses) {
  std::vector<DropAddresses> pieces;
  size_t from = 0;
  do {
    const size_t to = std::min(addresses.size(), from + kAddressesPerRequest);
    pieces.push_back({generation,
                      name,
                      family,
                      from == 0,
                      to == addresses.size(),
                      {addresses.begin() + static_cast<std::ptrdiff_t>(from),
                       addresses.begin() + static_cast<std::ptrdiff_t>(to)}});
    from = to;
  } while (from < addresses.size());
  return pieces;
}

seconds PrefetchedAgainAfter(seconds told, const PinTerms& terms) {
  const seconds life = PinLife(told, terms);
  return std::max(std::min(Bounded(told, terms), std::max(life - kLifeMin, life / 2)), seconds(1));
}

}  // namespace dnspin
