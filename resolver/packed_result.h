#pragma once
// Knows: how what an upstream said is kept in few octets, nothing of it lost: records that share
// owner, type, class and TTL share them here, and of a name that ends as one before it did only the
// front is kept. Touches nothing.

#include <string>
#include <string_view>

#include "resolver/inquiry.h"

namespace dnspin {

// An answer is one to `inquiry`.
std::string Pack(const UpstreamResult& result, const Inquiry& inquiry);

// What was packed, and nothing else.
UpstreamResult Unpack(std::string_view packed, const Inquiry& inquiry);

}  // namespace dnspin
