#pragma once
// Knows: the two ways to make an element of a kernel set live longer (kernel.md 1.1). Touches
// nothing.

#include <cstdint>

namespace dnspin {

enum class RefreshWay : uint8_t {
  kInPlace,       // Linux 6.12 and later: adding it again sets its time
  kAddDeleteAdd,  // before: adding it again is silently ignored
};

}  // namespace dnspin
