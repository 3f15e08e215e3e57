#pragma once
// Knows: which pins one client holds, for which names, how long, and its quotas. dnspind's memory;
// the kernel's sets are the truth it is read back from. Touches nothing.

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "pinning/address.h"
#include "pinning/clock.h"
#include "pinning/name.h"
#include "pinning/policy.h"

namespace dnspin {

// Why an element exists: this rule let this name be asked.
struct PinHolder {
  std::string rule_host;  // HostPattern::Text() of the rule
  Name asked;
  BootTime until;
};

struct PinKey {
  uint32_t group = 0;  // PinGroup::number
  Address address;
  auto operator<=>(const PinKey&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const PinKey& key) {
    return H::combine(std::move(h), key.group, key.address);
  }
};

struct Pin {
  PinKey key;
  std::vector<PinHolder> holders;  // at most kHoldersMax; the one that lives longest is the first
  BootTime until() const { return holders.front().until; }
};

// What one request asks the kernel to hold, and what the ledger will note once it does.
struct PinChange {
  PinKey key;
  PinHolder holder;
  BootTime until;        // of the element: never earlier than it was
  bool replace = false;  // the element is there under another comment
  std::string comment;
};

class Ledger {
 public:
  static constexpr size_t kHoldersMax = 16;
  static constexpr size_t kPastMax = 4096;

  explicit Ledger(const PinTerms& terms) : terms_(terms) {}
  void SetTerms(const PinTerms& terms) { terms_ = terms; }

  // One place a name's addresses go to: a group, and the host of its first rule that lists the
  // name.
  struct Place {
    uint32_t group = 0;
    std::string rule_host;
  };

  // The changes for pinning `addresses` in every place until at least `now + life`, no key twice.
  // Nothing if that would exceed a quota; what nobody asked for may use three quarters of that of
  // the client. The pins stay as they are; what was planned counts against the quotas until
  // EndOfTurn. A pin of this name that lives for `enough` from now needs no change.
  std::optional<std::vector<PinChange>> Plan(const Name& asked, std::span<const Place> places,
                                             std::span<const Address> addresses,
                                             std::chrono::seconds life, BootTime now,
                                             bool unasked = false,
                                             std::optional<std::chrono::seconds> enough = {});
  // The kernel has acknowledged them.
  void Record(std::span<const PinChange> changes);
  // What was planned is recorded now, or has failed.
  void EndOfTurn();

  void Adopt(PinKey key, PinHolder holder);  // read back from the kernel; beyond all quotas
  void Erase(const PinKey& key);
  void Expire(BootTime now);  // forgets what the kernel has let go

  const absl::flat_hash_map<PinKey, Pin>& pins() const { return pins_; }

  // Holders that have ended, as long as flows may go on that began under them: no packet is let in
  // for their sake, but a change of rules does not cut what these rules still allow. At most
  // kPastMax pins' worth; the oldest go first.
  using Past = absl::flat_hash_map<PinKey, std::vector<PinHolder>>;
  const Past& past() const { return past_; }
  void AdoptPast(const PinKey& key, PinHolder holder);
  void KeepPastOf(const absl::flat_hash_set<Address>& addresses);  // that have flows still
  bool past_is_new() const { return past_is_new_; }  // some of it has ended since KeepPastOf

  // True if a flow to that address may have begun under this group.
  bool Holds(const PinKey& key) const { return pins_.contains(key) || past_.contains(key); }

  size_t CountOf(const Name& asked) const;  // pins of this name

 private:
  using Keys = absl::flat_hash_set<PinKey>;

  PinChange Change(const PinKey& key, const PinHolder& holder) const;
  bool IsHeldUntil(const PinKey& key, const PinHolder& holder, BootTime until) const;
  bool Fits(const Name& asked, std::span<const PinChange> changes, bool unasked) const;
  void Note(const PinKey& key, PinHolder holder);
  void LetOneGo(Pin& pin);
  void Forget(const PinKey& key, const Name& asked);

  PinTerms terms_;
  absl::flat_hash_map<PinKey, Pin> pins_;
  absl::flat_hash_map<Name, Keys> by_name_;  // the pins that a name is a holder of; none is empty
  std::optional<BootTime> expired_at_;       // nothing older is left since then
  Keys planned_;                             // since the last EndOfTurn
  absl::flat_hash_map<Name, Keys> planned_by_name_;
  Past past_;
  bool past_is_new_ = false;
  std::deque<PinKey> past_order_;  // of `past_`, the oldest first
};

}  // namespace dnspin
