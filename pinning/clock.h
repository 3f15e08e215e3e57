#pragma once
// Knows: what time is here. CLOCK_BOOTTIME, because a laptop that slept has aged its TTLs; a type
// of its own keeps it from mixing with wall time. Only a daemon holds a Clock, everything else gets
// `now` as an argument.

#include <chrono>

namespace dnspin {

struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
};
using BootTime = BootClock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual BootTime Now() = 0;
  virtual int64_t WallSeconds() = 0;  // UNIX time, for `expire=` alone
  // How long the machine has slept since it was started: kernel timers stood still meanwhile.
  virtual BootClock::duration Slept() { return {}; }
};

}  // namespace dnspin
