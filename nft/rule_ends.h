#pragma once
// Knows: when rules with `expire=` end. The wall clock decides, which others set as they like: it
// is looked at in every turn. Touches nothing.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "nft/desired.h"
#include "pinning/clock.h"

namespace dnspin {

size_t EraseEnded(RuleList& rules, int64_t wall_seconds);  // how many

class RuleEnds {
 public:
  explicit RuleEnds(Clock& clock) : clock_(clock) {}

  // This is in force.
  void Follow(const Desired& desired);

  bool Due(BootTime now) const;

  // Takes out what has ended; how many rules.
  size_t TakeEnded(Desired& desired) const;

  std::optional<BootTime> NextDeadline(BootTime now) const;
  void Postpone(BootTime until) { not_before_ = until; }  // the kernel said no

 private:
  Clock& clock_;
  std::optional<int64_t> next_;  // UNIX time
  BootTime not_before_;
};

}  // namespace dnspin
