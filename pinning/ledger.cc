#include "pinning/ledger.h"

#include <algorithm>

#include "pinning/pin.h"

namespace dnspin {
namespace {

const absl::flat_hash_set<PinKey>& KeysOf(
    const absl::flat_hash_map<Name, absl::flat_hash_set<PinKey>>& by_name, const Name& asked) {
  static const absl::flat_hash_set<PinKey> kNone;
  const auto found = by_name.find(asked);
  return found == by_name.end() ? kNone : found->second;
}

bool IsHeldFor(const Pin& pin, const Name& asked) {
  return std::any_of(pin.holders.begin(), pin.holders.end(),
                     [&](const PinHolder& holder) { return holder.asked == asked; });
}

// True if what is known, planned and new together is at most `max`. What is known already may be
// planned anew even beyond that: after a reload with smaller quotas, or of what was adopted.
template <typename Known>
bool Fit(const Known& known, const absl::flat_hash_set<PinKey>& planned,
         std::span<const PinChange> changes, size_t max) {
  if (known.size() + planned.size() + changes.size() <= max) {
    return true;
  }
  const auto new_changes =
      std::count_if(changes.begin(), changes.end(), [&](const PinChange& change) {
        return !known.contains(change.key) && !planned.contains(change.key);
      });
  const auto new_plans = std::count_if(planned.begin(), planned.end(),
                                       [&](const PinKey& key) { return !known.contains(key); });
  return new_changes == 0 || known.size() + static_cast<size_t>(new_plans + new_changes) <= max;
}

}  // namespace

size_t Ledger::CountOf(const Name& asked) const { return KeysOf(by_name_, asked).size(); }

bool Ledger::IsHeldUntil(const PinKey& key, const PinHolder& holder, BootTime until) const {
  const auto pin = pins_.find(key);
  return pin != pins_.end() && std::any_of(pin->second.holders.begin(), pin->second.holders.end(),
                                           [&](const PinHolder& held) {
                                             return held.until >= until &&
                                                    held.asked == holder.asked &&
                                                    held.rule_host == holder.rule_host;
                                           });
}

PinChange Ledger::Change(const PinKey& key, const PinHolder& holder) const {
  PinChange change{key, holder, holder.until, false, PinComment(holder.rule_host, holder.asked)};
  if (const auto pin = pins_.find(key); pin != pins_.end()) {
    const PinHolder& longest = pin->second.holders.front();
    const std::string comment = PinComment(longest.rule_host, longest.asked);
    if (longest.until >= change.until) {
      change.until = longest.until;  // a life never shrinks, and the comment is its own
      change.comment = comment;
    }
    change.replace = change.comment != comment;
  }
  return change;
}

// True if the quotas leave room for the changes, beside all that is known and planned.
bool Ledger::Fits(const Name& asked, std::span<const PinChange> changes, bool unasked) const {
  const uint32_t per_client = terms_.per_client - (unasked ? terms_.per_client / 4 : 0);
  return Fit(pins_, planned_, changes, per_client) &&
         Fit(KeysOf(by_name_, asked), KeysOf(planned_by_name_, asked), changes, terms_.per_name);
}

std::optional<std::vector<PinChange>> Ledger::Plan(const Name& asked, std::span<const Place> places,
                                                   std::span<const Address> addresses,
                                                   std::chrono::seconds life, BootTime now,
                                                   bool unasked,
                                                   std::optional<std::chrono::seconds> enough) {
  std::vector<PinChange> changes;
  Keys keys;
  for (const Place& place : places) {
    for (const Address& address : addresses) {
      const PinKey key{place.group, address};
      PinHolder holder{place.rule_host, asked, now + life};
      const bool needed = !enough || !IsHeldUntil(key, holder, now + *enough);
      if (needed && keys.insert(key).second) {
        changes.push_back(Change(key, holder));
      }
    }
  }
  if (!Fits(asked, changes, unasked)) {
    if (expired_at_ == now) {
      return std::nullopt;  // a flood at the quota does not look through all pins each time
    }
    Expire(now);
    if (!Fits(asked, changes, unasked)) {
      return std::nullopt;
    }
  }
  for (const PinKey& key : keys) {
    planned_.insert(key);
    planned_by_name_[asked].insert(key);
  }
  return changes;
}

void Ledger::EndOfTurn() {
  planned_.clear();
  planned_by_name_.clear();
}

void Ledger::Record(std::span<const PinChange> changes) {
  for (const PinChange& change : changes) {
    Note(change.key, change.holder);
  }
}

void Ledger::Adopt(PinKey key, PinHolder holder) { Note(key, std::move(holder)); }

void Ledger::Note(const PinKey& key, PinHolder holder) {
  by_name_[holder.asked].insert(key);
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
    LetOneGo(pin);
  }
}

// The holder that is missed least: a shorter-lived one of a rule that has another here, so that the
// pin still goes with its last rule; else the shortest-lived.
void Ledger::LetOneGo(Pin& pin) {
  const auto spare =
      std::find_if(pin.holders.rbegin(), pin.holders.rend(), [&pin](const PinHolder& candidate) {
        return std::any_of(pin.holders.begin(), pin.holders.end(), [&](const PinHolder& other) {
          return &other != &candidate && other.rule_host == candidate.rule_host;
        });
      });
  const auto gone =
      spare == pin.holders.rend() ? std::prev(pin.holders.end()) : std::prev(spare.base());
  PinHolder holder = std::move(*gone);
  pin.holders.erase(gone);
  if (!IsHeldFor(pin, holder.asked)) {
    Forget(pin.key, holder.asked);
  }
  AdoptPast(pin.key, std::move(holder));
}

void Ledger::Forget(const PinKey& key, const Name& asked) {
  const auto of_name = by_name_.find(asked);
  if (of_name != by_name_.end() && of_name->second.erase(key) != 0 && of_name->second.empty()) {
    by_name_.erase(of_name);
  }
}

void Ledger::Erase(const PinKey& key) {
  const auto pin = pins_.find(key);
  if (pin == pins_.end()) {
    return;
  }
  for (const PinHolder& holder : pin->second.holders) {
    Forget(key, holder.asked);
  }
  pins_.erase(pin);
}

void Ledger::Expire(BootTime now) {
  expired_at_ = now;
  absl::erase_if(pins_, [this, now](auto& entry) {
    Pin& pin = entry.second;
    std::vector<PinHolder> gone;
    while (!pin.holders.empty() && pin.holders.back().until <= now) {
      gone.push_back(std::move(pin.holders.back()));
      pin.holders.pop_back();
    }
    for (PinHolder& holder : gone) {
      if (!IsHeldFor(pin, holder.asked)) {
        Forget(pin.key, holder.asked);
      }
      AdoptPast(pin.key, std::move(holder));
    }
    return pin.holders.empty();
  });
}

void Ledger::AdoptPast(const PinKey& key, PinHolder holder) {
  past_is_new_ = true;
  std::vector<PinHolder>& holders = past_[key];
  if (holders.empty()) {
    past_order_.push_back(key);
  }
  const bool known = std::any_of(holders.begin(), holders.end(), [&](const PinHolder& other) {
    return other.rule_host == holder.rule_host && other.asked == holder.asked;
  });
  if (!known) {
    if (holders.size() == kHoldersMax) {
      holders.erase(holders.begin());
    }
    holders.push_back(std::move(holder));
  }
  while (past_order_.size() > kPastMax) {
    past_.erase(past_order_.front());
    past_order_.pop_front();
  }
}

void Ledger::KeepPastOf(const absl::flat_hash_set<Address>& addresses) {
  past_is_new_ = false;
  std::erase_if(past_order_, [&](const PinKey& key) {
    const bool over = !addresses.contains(key.address);
    if (over) {
      past_.erase(key);
    }
    return over;
  });
}

}  // namespace dnspin
