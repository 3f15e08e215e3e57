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
    const std::chrono::duration<double> passed = now - filled_;
    tokens_ = std::min(burst_, tokens_ + std::max(passed.count(), 0.0) * per_second_);
    filled_ = now;
    if (tokens_ < 1) {
      return false;
    }
    tokens_ -= 1;
    return true;
  }

 private:
  double burst_;
  double per_second_;
  double tokens_;
  BootTime filled_{};
};

}  // namespace dnspin
