#pragma once
// Knows: the answers that wait until the kernel has their addresses. An answer is let go after the
// last of its requests was done, or given up; nothing else gets out of here. Touches: a
// DistantFirewall.

#include <chrono>
#include <compare>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "pinning/channel_message.h"
#include "pinning/clock.h"
#include "resolver/distant_firewall.h"
#include "resolver/inquiry.h"
#include "resolver/reply.h"
#include "resolver/return_path.h"

namespace dnspin {

inline constexpr std::chrono::milliseconds kPinPatience{500};
inline constexpr size_t kWaitersMax = 64;  // for one answer

// Whoever asks the same, allowed by the same rule, waits for the same pins.
struct HoldKey {
  Inquiry inquiry;
  uint32_t rule = 0;
  bool brought = false;  // by the client's own server: nothing of it is told to who asks us
  auto operator<=>(const HoldKey&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const HoldKey& key) {
    return H::combine(std::move(h), key.inquiry, key.rule, key.brought);
  }
};

struct Hold {
  HoldKey key;
  Reply reply;
  std::vector<Waiter> waiters;
  std::vector<Address> confirmed;  // by the kernel, for exactly this hold
  bool unasked = false;            // nobody waits, and nobody may join: it yields at the quota
  std::chrono::seconds told{0};
  BootTime began;
  size_t requests_open = 0;
  BootTime deadline;
};

class PinHolds {
 public:
  explicit PinHolds(DistantFirewall& firewall) : firewall_(firewall) {}  // which outlives it

  // True if an answer to the same waits already, and `waiter` now with it.
  bool Join(const HoldKey& key, Waiter& waiter);

  // Asks for `addresses` (not empty) as `asked_for` says, which brings no addresses and no ticket
  // of its own; the reply waits for all of them. No waiter: they are wanted unasked.
  void Begin(HoldKey key, Reply reply, const std::vector<Address>& addresses, PinRequest asked_for,
             std::optional<Waiter> waiter, BootTime now);

  struct Ended {
    Hold hold;
    PinOutcome outcome;
  };
  // The hold that this reply was the last or a bad one for. A stale request's answer goes on
  // waiting: the newer policy is on its way.
  std::optional<Ended> OnReply(const PinReply& reply);

  std::vector<Hold> TakeExpired(BootTime now);
  std::vector<Hold> TakeAll();
  std::optional<BootTime> NextDeadline() const;
  bool Idle() const { return holds_.empty(); }

 private:
  struct Ticket {
    uint64_t hold = 0;
    std::vector<Address> addresses;
  };
  struct Queued {
    uint64_t hold = 0;
    PinRequest request;
  };

  void SendQueued();
  Hold Take(uint64_t id);
  void ForgetEnded();

  DistantFirewall& firewall_;
  absl::flat_hash_map<uint64_t, Hold> holds_;
  absl::flat_hash_map<HoldKey, uint64_t> joinable_;
  absl::flat_hash_map<uint64_t, Ticket>
      tickets_;               // sent and not replied to; their hold may be gone
  std::deque<Queued> queue_;  // waits for a free ticket
  std::deque<std::pair<BootTime, uint64_t>> order_;  // by deadline; the hold may be gone
  uint64_t last_hold_ = 0;
  uint64_t last_ticket_ = 0;
};

}  // namespace dnspin
