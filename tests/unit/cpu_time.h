#pragma once
// Knows: what a step costs this thread. Touches: the clock of its CPU time.

#include <time.h>

namespace dnspin {

// hardening.md R-c2: the most that any one message may cost.
#if defined(__SANITIZE_ADDRESS__)
constexpr double kMessageMillisecondsMax = 50;
#else
constexpr double kMessageMillisecondsMax = 5;
#endif

template <typename Step>
double CpuMilliseconds(Step&& step) {
  timespec before{};
  timespec after{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
  step();
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
  return static_cast<double>(after.tv_sec - before.tv_sec) * 1e3 +
         static_cast<double>(after.tv_nsec - before.tv_nsec) / 1e6;
}

}  // namespace dnspin
