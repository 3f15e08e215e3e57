#pragma once
// Knows: which pins one client holds, for which names, how long, and its quotas. dnspind's memory;
// the kernel's sets are the truth it is read back from. Touches nothing.

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "pinning/address.h"
#include "pinning/clock.h"
#include "pinning/name.h"
#include "pinning/policy.h"
#include "pinning/shared_text.h"

namespace dnspin {

// Why an element exists: this rule let this name be asked.
struct PinHolder {
  SharedText rule_host;  // HostPattern::Text() of the rule
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

using PinHolders = absl::InlinedVector<PinHolder, 1>;

struct Pin {
  PinHolders holders;  // at most kHoldersMax; the one that lives longest is the first
  BootTime until() const { return holders.front().until; }
};

// What one request asks the kernel to hold, and what the ledger will note once it does.
struct PinChange {
  PinKey key;
  PinHolder holder;
  BootTime until;        // of the element: never earlier than it was
  bool replace = false;  // the element is there under another comment
  SharedText comment;
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
    SharedText rule_host;
  };

  // The changes for pinning `addresses` in every place until at least `now + life`, no key twice:
  // of places of one group the first counts. Nothing if that would exceed a quota; what nobody
  // asked for may use three quarters of that of the client. The pins stay as they are; what was
  // planned counts against the quotas until EndOfTurn. A pin of this name that lives for `enough`
  // from now needs no change.
  std::optional<std::vector<PinChange>> Plan(const Name& asked, std::span<const Place> places,
                                             std::span<const Address> addresses,
                                             std::chrono::seconds life, BootTime now,
                                             bool unasked = false,
                                             std::optional<std::chrono::seconds> enough = {});
  // The kernel has acknowledged it. True if it is new: nothing lived there until now.
  bool Record(const PinChange& change, BootTime now);
  // What was planned is recorded now, or has failed.
  void EndOfTurn();

  void Adopt(const PinKey& key, PinHolder holder);  // read back from the kernel; beyond all quotas
  void Erase(const PinKey& key);
  void Expire(BootTime now);  // forgets what the kernel has let go

  const absl::flat_hash_map<PinKey, Pin>& pins() const { return pins_; }

  // Holders that have ended, as long as flows may go on that began under them: no packet is let in
  // for their sake, but a change of rules does not cut what these rules still allow. At most
  // kPastMax pins' worth; the oldest go first.
  using Past = absl::flat_hash_map<PinKey, PinHolders>;
  const Past& past() const { return past_; }
  void AdoptPast(const PinKey& key, PinHolder holder);
  void KeepPastOf(const absl::flat_hash_set<Address>& addresses);  // that have flows still
  bool past_is_new() const { return past_is_new_; }  // some of it has ended since KeepPastOf

  // True if a flow to that address may have begun under this group.
  bool Holds(const PinKey& key) const { return pins_.contains(key) || past_.contains(key); }

  size_t CountOf(const Name& asked) const;  // pins of this name

 private:
  struct Planned {
    PinKey key;
    Name asked;
  };

  const Pin* Find(const PinKey& key) const;  // null: there is none
  bool Fits(const Name& asked, std::span<const PinChange> changes, bool unasked) const;
  void Note(Pin& pin, const PinKey& key, PinHolder holder);
  void LetOneGo(Pin& pin, const PinKey& key);
  PinHolder TakeOut(Pin& pin, PinHolders::iterator holder);

  PinTerms terms_;
  absl::flat_hash_map<PinKey, Pin> pins_;
  absl::flat_hash_map<Name, size_t> counts_;  // how many pins a name is a holder of; none is 0
  std::optional<BootTime> expired_at_;        // nothing older is left since then
  std::vector<Planned> planned_;              // since the last EndOfTurn
  Past past_;
  bool past_is_new_ = false;
  std::deque<PinKey> past_order_;  // of `past_`, the oldest first
};

}  // namespace dnspin
