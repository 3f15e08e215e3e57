#pragma once
// Knows: how long a TTL is told and how long a pin lives (design.md 6). Arithmetic.

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "pinning/policy.h"

namespace dnspin {

// The TTL told for a pinned answer whose lineage has `ttl` left.
inline std::chrono::seconds Told(uint32_t ttl, const PinTerms& terms) {
  return std::clamp(std::chrono::seconds(ttl), std::chrono::seconds(1), terms.told_max);
}

// The life of a pin, from the kernel's acknowledgement, for a TTL that is about to be told.
inline std::chrono::seconds PinLife(std::chrono::seconds told, const PinTerms& terms) {
  return std::max(told + terms.slack, terms.floor);
}

}  // namespace dnspin
