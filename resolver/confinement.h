#pragma once
// Knows: how this process gives up all it could do before it reads its first hostile byte. Touches:
// its own root directory, capabilities and limits.

#include "absl/status/status.h"

namespace dnspin {

// Makes the directory that `empty_directory` is open on the root, closes it, and drops every
// capability. An error if that cannot be done, or if the process is root.
absl::Status Confine(int empty_directory);

}  // namespace dnspin
