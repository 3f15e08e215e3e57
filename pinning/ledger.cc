#include "pinning/ledger.h"

#include <algorithm>

#include "pinning/pin.h"

namespace dnspin {

size_t Ledger::CountOf(const Name& asked) const {
  const auto found = by_name_.find(asked);
  return found == by_name_.end() ? 0 : found->second.size();
}

std::optional<std::vector<PinChange>> Ledger::Plan(const Name& asked, std::span<const Place> places,
                                                   std::span<const Address> addresses,
                                                   std::chrono::seconds life, BootTime now) {
  std::vector<PinChange> changes;
  size_t more_pins = 0;
  size_t more_of_name = 0;
  const auto of_name = by_name_.find(asked);
  for (const Place& place : places) {
    for (const Address& address : addresses) {
      const PinKey key{place.group, address};
      PinChange change{key,
                       {place.rule_host, asked, now + life},
                       now + life,
                       false,
                       PinComment(place.rule_host, asked)};
      const auto pin = pins_.find(key);
      const bool live = pin != pins_.end() && pin->second.until() > now;
      more_pins += live ? 0 : 1;
      more_of_name += of_name != by_name_.end() && of_name->second.contains(key) ? 0 : 1;
      if (live) {
        const PinHolder& longest = pin->second.holders.front();
        const std::string comment = PinComment(longest.rule_host, longest.asked);
        if (longest.until > change.until) {
          change.until = longest.until;  // a life never shrinks, and the comment is its own
          change.comment = comment;
        }
        change.replace = change.comment != comment;
      }
      changes.push_back(std::move(change));
    }
  }
  const auto planned_of_name = planned_by_name_.find(asked);
  const size_t planned_for_it =
      planned_of_name == planned_by_name_.end() ? 0 : planned_of_name->second;
  if (pins_.size() + planned_ + more_pins > terms_.per_client ||
      CountOf(asked) + planned_for_it + more_of_name > terms_.per_name) {
    const size_t before = pins_.size();
    Expire(now);
    return pins_.size() < before ? Plan(asked, places, addresses, life, now) : std::nullopt;
  }
  planned_ += more_pins;
  if (more_of_name != 0) {
    planned_by_name_[asked] += more_of_name;
  }
  return changes;
}

void Ledger::EndOfTurn() {
  planned_ = 0;
  planned_by_name_.clear();
}

void Ledger::Record(std::span<const PinChange> changes) {
  for (const PinChange& change : changes) {
    Note(change.key, change.holder);
  }
}

void Ledger::Adopt(PinKey key, PinHolder holder) { Note(key, std::move(holder)); }

void Ledger::Note(const PinKey& key, PinHolder holder) {
  BootTime& of_name = by_name_[holder.asked][key];
  of_name = std::max(of_name, holder.until);
  Pin& pin = pins_[key];
  pin.key = key;
  const auto same = std::find_if(pin.holders.begin(), pin.holders.end(), [&](const PinHolder& h) {
    return h.rule_host == holder.rule_host && h.asked == holder.asked;
  });
  if (same == pin.holders.end()) {
    pin.holders.push_back(std::move(holder));
  } else {
    same->until = std::max(same->until, holder.until);
  }
  std::stable_sort(pin.holders.begin(), pin.holders.end(),
                   [](const PinHolder& a, const PinHolder& b) { return a.until > b.until; });
  if (pin.holders.size() > kHoldersMax) {
    pin.holders.resize(kHoldersMax);
  }
}

void Ledger::Erase(const PinKey& key) {
  const auto pin = pins_.find(key);
  if (pin == pins_.end()) {
    return;
  }
  for (const PinHolder& holder : pin->second.holders) {
    const auto of_name = by_name_.find(holder.asked);
    if (of_name != by_name_.end() && of_name->second.erase(key) != 0 && of_name->second.empty()) {
      by_name_.erase(of_name);
    }
  }
  pins_.erase(pin);
}

void Ledger::Expire(BootTime now) {
  absl::erase_if(pins_, [now](auto& entry) {
    auto& holders = entry.second.holders;
    std::erase_if(holders, [now](const PinHolder& holder) { return holder.until <= now; });
    return holders.empty();
  });
  absl::erase_if(by_name_, [now](auto& entry) {
    absl::erase_if(entry.second, [now](const auto& pin) { return pin.second <= now; });
    return entry.second.empty();
  });
}

}  // namespace dnspin
