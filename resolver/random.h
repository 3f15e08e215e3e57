#pragma once
// Knows: where unpredictable numbers come from. Touches: getrandom.

#include <array>
#include <cstddef>
#include <cstdint>

namespace dnspin {

class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual uint64_t Next() = 0;
};

// The kernel's, fetched in blocks: an ID is not worth a system call of its own.
class KernelRandom final : public RandomSource {
 public:
  uint64_t Next() override;

 private:
  std::array<uint64_t, 32> block_{};  // 256 octets: getrandom gives so many whole or not at all
  size_t used_ = 32;
};

}  // namespace dnspin
