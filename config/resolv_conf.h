#pragma once
// Knows: the nameserver lines of resolv.conf(5). Touches nothing.

#include <string_view>
#include <vector>

#include "pinning/address.h"

namespace dnspin {

// The servers in their order, at most kNameserversMax; lines it cannot use (a scope, nonsense) are
// passed over, as every stub resolver does.
inline constexpr size_t kNameserversMax = 8;
std::vector<Endpoint> ReadNameservers(std::string_view text);

}  // namespace dnspin
