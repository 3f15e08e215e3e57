#pragma once
// Knows: what a step costs this thread. Touches: the clock its CPU time is counted by.

#include <time.h>

#include <algorithm>

namespace dnspin {

// hardening.md R-c2: the most that any one message may cost.
#if defined(__SANITIZE_ADDRESS__)
constexpr double kMessageMillisecondsMax = 250;  // machines differ by three, sanitizers cost more
#else
constexpr double kMessageMillisecondsMax = 5;
#endif

// The least of ten tries: a neighbour on the same core makes us no slower than we are.
template <typename Step>
double CpuMilliseconds(const Step& step) {
  double least = 1e9;
  for (int attempt = 0; attempt < 10; ++attempt) {
    timespec before{};
    timespec after{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    step();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    least = std::min(least, static_cast<double>(after.tv_sec - before.tv_sec) * 1e3 +
                                static_cast<double>(after.tv_nsec - before.tv_nsec) / 1e6);
  }
  return least;
}

}  // namespace dnspin
