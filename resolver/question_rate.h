#pragma once
// Knows: how fast one client may ask, by all its sockets together. Whoever finds that nothing is
// left reads no more for a while: what comes in the meantime waits in the kernel, or is dropped
// there, at no cost of ours. Touches nothing.

#include <chrono>
#include <cstddef>

#include "pinning/clock.h"
#include "pinning/policy.h"
#include "pinning/token_bucket.h"

namespace dnspin {

class QuestionRate {
 public:
  static constexpr std::chrono::milliseconds kPause{10};

  void SetLimits(const Limits& limits) {
    if (limits.questions_per_second != per_second_ || limits.questions_burst != burst_) {
      per_second_ = limits.questions_per_second;
      burst_ = limits.questions_burst;
      bucket_ = TokenBucket(burst_, per_second_);
    }
  }

  // So many may be read now.
  size_t Left(BootTime now) { return static_cast<size_t>(bucket_.Left(now)); }
  void Spend(BootTime now) { bucket_.Spend(now); }

  // When to look again if nothing is left: not for each single question.
  BootTime NextLook(BootTime now) { return std::max(now + kPause, bucket_.NextToken(now)); }

 private:
  uint32_t per_second_ = Limits().questions_per_second;
  uint32_t burst_ = Limits().questions_burst;
  TokenBucket bucket_{static_cast<double>(burst_), static_cast<double>(per_second_)};
};

}  // namespace dnspin
