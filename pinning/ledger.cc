#include "pinning/ledger.h"

#include <algorithm>

#include "pinning/pin.h"

namespace dnspin {
namespace {

bool IsHeldFor(const Pin& pin, const Name& asked) {
  return std::any_of(pin.holders.begin(), pin.holders.end(),
                     [&](const PinHolder& holder) { return holder.asked == asked; });
}

bool AreSame(const PinHolder& a, const PinHolder& b) {
  return a.rule_host == b.rule_host && a.asked == b.asked;
}

bool IsHeldUntil(const Pin& pin, const PinHolder& holder, BootTime until) {
  return std::any_of(pin.holders.begin(), pin.holders.end(), [&](const PinHolder& held) {
    return held.until >= until && AreSame(held, holder);
  });
}

// What the kernel is to hold: a life never shrinks, and the comment is its own.
PinChange Change(const PinKey& key, const PinHolder& holder, const SharedText& comment,
                 const Pin* known) {
  PinChange change{key, holder, holder.until, false, comment};
  if (known != nullptr) {
    const PinHolder& longest = known->holders.front();
    const SharedText old = PinComment(longest.rule_host, longest.asked);
    if (longest.until >= change.until) {
      change.until = longest.until;
      change.comment = old;
    }
    change.replace = change.comment != old;
  }
  return change;
}

}  // namespace

size_t Ledger::CountOf(const Name& asked) const {
  const auto found = counts_.find(asked);
  return found == counts_.end() ? 0 : found->second;
}

const Pin* Ledger::Find(const PinKey& key) const {
  const auto found = pins_.find(key);
  return found == pins_.end() ? nullptr : &found->second;
}

// True if the quotas leave room for the changes, beside all that is known and planned. What is
// known already may be planned anew even beyond them: after a reload with smaller quotas, or of
// what was adopted.
bool Ledger::Fits(const Name& asked, std::span<const PinChange> changes, bool unasked) const {
  const uint32_t per_client = terms_.per_client - (unasked ? terms_.per_client / 4 : 0);
  const size_t most = planned_.size() + changes.size();
  if (pins_.size() + most <= per_client && CountOf(asked) + most <= terms_.per_name) {
    return true;
  }
  absl::flat_hash_set<PinKey> fresh;
  absl::flat_hash_set<PinKey> fresh_of_name;
  const auto add = [&](const PinKey& key, const Name& name) {
    const Pin* const pin = Find(key);
    if (pin == nullptr) {
      fresh.insert(key);
    }
    if (name == asked && (pin == nullptr || !IsHeldFor(*pin, asked))) {
      fresh_of_name.insert(key);
    }
  };
  for (const Planned& planned : planned_) {
    add(planned.key, planned.asked);
  }
  const size_t planned = fresh.size();
  const size_t planned_of_name = fresh_of_name.size();
  for (const PinChange& change : changes) {
    add(change.key, asked);
  }
  return (fresh.size() == planned || pins_.size() + fresh.size() <= per_client) &&
         (fresh_of_name.size() == planned_of_name ||
          CountOf(asked) + fresh_of_name.size() <= terms_.per_name);
}

std::optional<std::vector<PinChange>> Ledger::Plan(const Name& asked, std::span<const Place> places,
                                                   std::span<const Address> addresses,
                                                   std::chrono::seconds life, BootTime now,
                                                   bool unasked,
                                                   std::optional<std::chrono::seconds> enough) {
  std::vector<PinChange> changes;
  for (auto place = places.begin(); place != places.end(); ++place) {
    if (std::any_of(places.begin(), place,
                    [&](const Place& other) { return other.group == place->group; })) {
      continue;
    }
    const PinHolder holder{place->rule_host, asked, now + life};
    SharedText comment;  // made for the first that needs it
    for (auto address = addresses.begin(); address != addresses.end(); ++address) {
      const PinKey key{place->group, *address};
      const Pin* const known = Find(key);
      if (std::find(addresses.begin(), address, *address) != address ||
          (enough && known != nullptr && IsHeldUntil(*known, holder, now + *enough))) {
        continue;
      }
      if (comment.empty()) {
        comment = PinComment(holder.rule_host, holder.asked);
      }
      changes.push_back(Change(key, holder, comment, known));
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
  for (const PinChange& change : changes) {
    planned_.push_back({change.key, asked});
  }
  return changes;
}

void Ledger::EndOfTurn() { planned_.clear(); }

bool Ledger::Record(const PinChange& change, BootTime now) {
  Pin& pin = pins_[change.key];
  const bool fresh = pin.holders.empty() || pin.until() <= now;
  Note(pin, change.key, change.holder);
  return fresh;
}

void Ledger::Adopt(const PinKey& key, PinHolder holder) {
  Note(pins_[key], key, std::move(holder));
}

void Ledger::Note(Pin& pin, const PinKey& key, PinHolder holder) {
  if (!IsHeldFor(pin, holder.asked)) {
    ++counts_[holder.asked];
  }
  auto same = std::find_if(pin.holders.begin(), pin.holders.end(),
                           [&](const PinHolder& other) { return AreSame(other, holder); });
  if (same == pin.holders.end()) {
    pin.holders.push_back(std::move(holder));
    same = std::prev(pin.holders.end());
  } else {
    same->until = std::max(same->until, holder.until);
  }
  // It lives longer than before: it goes ahead, but behind those that live as long.
  const auto place =
      std::upper_bound(pin.holders.begin(), same, same->until,
                       [](BootTime until, const PinHolder& other) { return until > other.until; });
  std::rotate(place, same, std::next(same));
  if (pin.holders.size() > kHoldersMax) {
    LetOneGo(pin, key);
  }
}

// The holder that is missed least: a shorter-lived one of a rule that has another here, so that the
// pin still goes with its last rule; else the shortest-lived.
void Ledger::LetOneGo(Pin& pin, const PinKey& key) {
  const auto spare =
      std::find_if(pin.holders.rbegin(), pin.holders.rend(), [&pin](const PinHolder& candidate) {
        return std::any_of(pin.holders.begin(), pin.holders.end(), [&](const PinHolder& other) {
          return &other != &candidate && other.rule_host == candidate.rule_host;
        });
      });
  const auto gone =
      spare == pin.holders.rend() ? std::prev(pin.holders.end()) : std::prev(spare.base());
  AdoptPast(key, TakeOut(pin, gone));
}

PinHolder Ledger::TakeOut(Pin& pin, PinHolders::iterator holder) {
  PinHolder out = std::move(*holder);
  pin.holders.erase(holder);
  if (const auto count = counts_.find(out.asked);
      count != counts_.end() && !IsHeldFor(pin, out.asked) && --count->second == 0) {
    counts_.erase(count);
  }
  return out;
}

void Ledger::Erase(const PinKey& key) {
  const auto pin = pins_.find(key);
  if (pin == pins_.end()) {
    return;
  }
  while (!pin->second.holders.empty()) {
    TakeOut(pin->second, std::prev(pin->second.holders.end()));
  }
  pins_.erase(pin);
}

void Ledger::Expire(BootTime now) {
  expired_at_ = now;
  absl::erase_if(pins_, [this, now](auto& entry) {
    auto& [key, pin] = entry;
    while (!pin.holders.empty() && pin.holders.back().until <= now) {
      AdoptPast(key, TakeOut(pin, std::prev(pin.holders.end())));
    }
    return pin.holders.empty();
  });
}

void Ledger::AdoptPast(const PinKey& key, PinHolder holder) {
  past_is_new_ = true;
  PinHolders& holders = past_[key];
  if (holders.empty()) {
    past_order_.push_back(key);
  }
  const bool known = std::any_of(holders.begin(), holders.end(),
                                 [&](const PinHolder& other) { return AreSame(other, holder); });
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
