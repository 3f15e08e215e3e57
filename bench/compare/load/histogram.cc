#include "bench/compare/load/histogram.h"

#include <algorithm>
#include <bit>

namespace dnspin::bench {

void Histogram::Add(int64_t nanoseconds) {
  const auto time = static_cast<uint64_t>(std::max<int64_t>(nanoseconds, 1));
  const auto exponent = static_cast<unsigned>(std::bit_width(time)) - 1;
  const size_t step =
      exponent < 5 ? time : size_t{exponent - 4} * kSteps + (time >> (exponent - 5) & (kSteps - 1));
  ++counts_[std::min(step, counts_.size() - 1)];
  ++count_;
  sum_ += static_cast<double>(time);
  most_ = std::max(most_, nanoseconds);
}

double Histogram::At(double part) const {
  const auto wanted = static_cast<uint64_t>(part * static_cast<double>(count_));
  uint64_t seen = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen > wanted) {
      const double within = static_cast<double>(i % kSteps + kSteps) + 0.5;
      const size_t exponent = i / kSteps + 4;
      return i < kSteps ? static_cast<double>(i)
                        : within * static_cast<double>(uint64_t{1} << (exponent - 5));
    }
  }
  return static_cast<double>(most_);
}

}  // namespace dnspin::bench
