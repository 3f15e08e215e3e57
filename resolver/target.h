#pragma once
// Knows: which record names another that its reader will ask next. Touches nothing.

#include <optional>

#include "pinning/answer.h"

namespace dnspin {

// The target of a CNAME, MX, SRV, SVCB or HTTPS record (RFC 1035 3.3, RFC 2782, RFC 9460), if it is
// a name that could be reached: not the root, which says that there is none or the owner itself.
std::optional<Name> TargetOf(const Record& record);

}  // namespace dnspin
