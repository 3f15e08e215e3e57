#pragma once
// Knows: every system call that dnspind makes after its start, and every one that its launcher and
// readers make together, up to where a reader confines itself further. Touches nothing.

#include <vector>

#include "io/system_call_filter.h"
#include "nft/powers.h"

namespace dnspin {

std::vector<AllowedCall> CallsOfDnspind();

// `reader`: whom alone a process may become.
std::vector<AllowedCall> CallsOfLauncher(User reader);

}  // namespace dnspin
