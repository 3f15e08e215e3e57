#pragma once
// Knows: when a change of a client's rules ends nothing that was allowed before. Arithmetic.

#include "nft/served_client.h"

namespace dnspin {

// True if every flow that could have begun under `before` could begin under `after`: nothing but
// accepts has come between its rules, and every pin is where it was. Then there is no need to look
// through the kernel's flows for what is to be cut. False also where that is not easily said.
bool OnlyWidens(const ServedClient& before, const ServedClient& after);

}  // namespace dnspin
