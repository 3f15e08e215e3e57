#pragma once
// Knows: how often something may happen: at most `burst` at once, `per_second` in the long run.
// Touches nothing.

#include <algorithm>

#include "pinning/clock.h"

namespace dnspin {

class TokenBucket {
 public:
  TokenBucket(double burst, double per_second)
      : burst_(burst), per_second_(per_second), tokens_(burst) {}

  // True if there was one left.
  bool Spend(BootTime now) {
    if (Left(now) < 1) {
      return false;
    }
    tokens_ -= 1;
    return true;
  }

  double Left(BootTime now) {
    const std::chrono::duration<double> passed = now - filled_;
    tokens_ = std::min(burst_, tokens_ + std::max(passed.count(), 0.0) * per_second_);
    filled_ = now;
    return tokens_;
  }

  // When there is one to spend: not before `now`.
  BootTime NextToken(BootTime now) {
    const std::chrono::duration<double> wait(std::max(1 - Left(now), 0.0) / per_second_);
    return now + std::chrono::ceil<BootClock::duration>(wait);
  }

 private:
  double burst_;
  double per_second_;
  double tokens_;
  BootTime filled_{};
};

}  // namespace dnspin
