#pragma once
// Knows: the kernel's clocks. Touches: clock_gettime.

#include <ctime>

#include "pinning/clock.h"

namespace dnspin {

class SystemClock final : public Clock {
 public:
  BootTime Now() override {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return BootTime(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
  }
  int64_t WallSeconds() override { return static_cast<int64_t>(std::time(nullptr)); }
};

}  // namespace dnspin
