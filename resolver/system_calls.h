#pragma once
// Knows: every system call that a reader makes after it has confined itself. Touches nothing.

#include <vector>

#include "io/system_call_filter.h"

namespace dnspin {

std::vector<AllowedCall> CallsOfReader();

}  // namespace dnspin
