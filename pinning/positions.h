#pragma once
// Knows: how positions of rules are kept, of which there are few almost always. Touches nothing.

#include <cstdint>

#include "absl/container/inlined_vector.h"

namespace dnspin {

using Positions = absl::InlinedVector<uint32_t, 4>;  // no larger than a vector

}  // namespace dnspin
