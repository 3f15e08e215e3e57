#pragma once
// Knows: what dnspind and its launcher give up for good beside their users' powers. Touches: this
// process's own system call filter and Landlock domain.

#include "absl/status/status.h"
#include "nft/powers.h"

namespace dnspin {

// After the start: no program, no other process, no inet socket; files to read alone.
absl::Status ConfineDnspind();

// Before the first request; its readers inherit it. Signals to them alone.
absl::Status ConfineLauncher(User reader);

}  // namespace dnspin
