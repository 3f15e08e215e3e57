// The time that a test wishes: a machine that has slept, a wall clock that was set.
#include <sys/time.h>
#include <time.h>

#include "tests/faults/fault_page.h"

using namespace dnspin::faults;

extern "C" int clock_gettime(clockid_t clock, timespec* now) {
  static const auto real =
      reinterpret_cast<int (*)(clockid_t, timespec*)>(RealFunction("clock_gettime"));
  const int result = real(clock, now);
  if (clock == CLOCK_BOOTTIME && result == 0) {
    constexpr int64_t kSecond = 1'000'000'000;
    const int64_t all = now->tv_sec * kSecond + now->tv_nsec + SleptNs();
    *now = {all / kSecond, all % kSecond};
  }
  if ((clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI) &&
      result == 0) {
    now->tv_sec += WallAheadSeconds();
  }
  return result;
}

extern "C" time_t time(time_t* copy) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);  // as the C library does
  if (copy != nullptr) {
    *copy = now.tv_sec;
  }
  return now.tv_sec;
}

extern "C" int gettimeofday(timeval* now, void* /*zone*/) {
  timespec precise{};
  const int result = clock_gettime(CLOCK_REALTIME, &precise);
  *now = {precise.tv_sec, precise.tv_nsec / 1000};
  return result;
}
