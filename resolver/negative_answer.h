#pragma once
// Knows: how an answer says that there is nothing, and for how long (RFC 2308). Touches nothing.

#include <cstdint>

#include "pinning/answer.h"

namespace dnspin {

inline constexpr uint32_t kNegativeTtlMax = 3600;

// The SOA of the zone that `end` is in, from the authority section; null if there is none.
const Record* SoaFor(const Answer& answer, const Name& end);

// The smaller of its TTL and its MINIMUM field, an hour at most.
uint32_t NegativeTtl(const Record& soa);

}  // namespace dnspin
