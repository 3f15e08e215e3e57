#include "nft/pin_moves.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "nft/judge.h"

namespace dnspin {
namespace {

constexpr std::chrono::seconds kLifeMin{1};  // what lives shorter is gone before it is of use

PinElement ElementOf(const ServedClient& client, const PinKey& key, const Pin& pin, BootTime now) {
  const PinHolder& holder = pin.holders.front();
  return {client.SetName(key.address.family(), key.group), key.address,
          std::max(std::chrono::ceil<std::chrono::milliseconds>(pin.until() - now),
                   std::chrono::milliseconds(kLifeMin)),
          PinComment(holder.rule_host, holder.asked), false};
}

// Every holder goes where the rules now put its name; one whom they put nowhere ends here, and so
// does one whose name was granted by a name that they do not list any more.
Ledger Rehold(const ServedClient& before, const ServedClient& after, BootTime now) {
  Ledger ledger(after.policy.terms);
  Grants kept = before.grants;
  kept.KeepWhatStands(*after.permissions);
  const auto loses_grant = [&](const PinHolder& holder) {
    return before.grants.Find(holder.rule_host, holder.asked, now) != nullptr &&
           kept.Find(holder.rule_host, holder.asked, now) == nullptr &&
           after.permissions->Judge(holder.asked).LeavesRoom();
  };
  std::map<std::pair<SharedText, Name>, std::vector<Ledger::Place>> places;  // of many pins each
  const auto places_of = [&](const PinHolder& holder) -> const std::vector<Ledger::Place>& {
    const auto [found, fresh] = places.try_emplace({holder.rule_host, holder.asked});
    if (fresh && !loses_grant(holder)) {
      found->second =
          PlacesOfHolder(holder.rule_host, holder.asked, *after.permissions, after.groups);
    }
    return found->second;
  };
  const auto rehold = [&](const PinKey& key, const PinHolder& holder) {
    if (!MayPin(key.address, holder.asked, after.policy, *after.permissions)) {
      return;
    }
    for (const Ledger::Place& place : places_of(holder)) {
      const PinKey there{place.group, key.address};
      PinHolder moved{place.rule_host, holder.asked, holder.until};
      if (holder.until > now) {
        ledger.Adopt(there, std::move(moved));
      } else {
        ledger.AdoptPast(there, std::move(moved));
      }
    }
  };
  for (const auto& [key, pin] : before.ledger.pins()) {
    for (const PinHolder& holder : pin.holders) {
      rehold(key, holder);
    }
  }
  for (const auto& [key, holders] : before.ledger.past()) {
    for (const PinHolder& holder : holders) {
      rehold(key, holder);
    }
  }
  return ledger;
}

}  // namespace

std::vector<PinElement> ElementsOf(const ServedClient& client, const Ledger& ledger, BootTime now) {
  std::vector<PinElement> elements;
  for (const auto& [key, pin] : ledger.pins()) {
    if (pin.until() > now) {
      elements.push_back(ElementOf(client, key, pin, now));
    }
  }
  return elements;
}

PinMoves MovePins(const ServedClient& before, const ServedClient& after, BootTime now) {
  PinMoves moves{Rehold(before, after, now), {}, {}};
  std::set<uint32_t> stay;  // numbers of the groups that are in both
  for (const PinGroup& group : after.groups) {
    if (std::any_of(before.groups.begin(), before.groups.end(),
                    [&](const PinGroup& old) { return old.number == group.number; })) {
      stay.insert(group.number);
    }
  }
  for (const auto& [key, pin] : moves.after.pins()) {
    const auto known = before.ledger.pins().find(key);
    const bool there = stay.contains(key.group) && known != before.ledger.pins().end();
    PinElement element = ElementOf(after, key, pin, now);
    if (there) {
      const PinHolder& old = known->second.holders.front();
      if (PinComment(old.rule_host, old.asked) == element.comment &&
          known->second.until() == pin.until()) {
        continue;  // the kernel has just that
      }
      element.replace = true;
    }
    moves.added.push_back(std::move(element));
  }
  for (const auto& [key, pin] : before.ledger.pins()) {
    if (stay.contains(key.group) && !moves.after.pins().contains(key)) {
      moves.gone.push_back({before.SetName(key.address.family(), key.group), key.address});
    }
  }
  return moves;
}

}  // namespace dnspin
