#pragma once
// Knows: the kernel's clocks. Touches: clock_gettime.

#include <ctime>

#include "pinning/clock.h"

namespace dnspin {

class SystemClock final : public Clock {
 public:
  BootTime Now() override { return BootTime(Read(CLOCK_BOOTTIME)); }
  int64_t WallSeconds() override { return static_cast<int64_t>(std::time(nullptr)); }
  BootClock::duration Slept() override {
    const auto awake = Read(CLOCK_MONOTONIC);  // first, so that the difference is not negative
    return Read(CLOCK_BOOTTIME) - awake;
  }

 private:
  static BootClock::duration Read(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }
};

}  // namespace dnspin
