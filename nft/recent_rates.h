#pragma once
// Knows: how fast counters have grown lately. Touches nothing.

#include <array>
#include <chrono>
#include <cstdint>

#include "pinning/channel_message.h"
#include "pinning/clock.h"

namespace dnspin {

class RecentRates {
 public:
  static constexpr std::chrono::seconds kSpan{5};  // a look back covers one of these at least

  void Take(const CountersReport& totals, BootTime now) {
    if (now - samples_[1].at >= kSpan) {
      samples_[0] = samples_[1];
      samples_[1] = {totals, now};
    }
  }
  // A second, since a while ago.
  double Of(uint64_t CountersReport::*counter, const CountersReport& totals, BootTime now) const {
    const std::chrono::duration<double> span = now - samples_[0].at;
    const uint64_t before = samples_[0].totals.*counter;
    const uint64_t after = totals.*counter;
    return after > before && span.count() > 0 ? static_cast<double>(after - before) / span.count()
                                              : 0;
  }

 private:
  struct Sample {
    CountersReport totals;
    BootTime at;
  };
  std::array<Sample, 2> samples_;
};

}  // namespace dnspin
