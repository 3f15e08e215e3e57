#pragma once
// Knows: how this process gives up all it could do before it reads its first hostile byte. Touches:
// its own root directory, capabilities, limits, Landlock domain and system call filter.

#include <cstdint>

#include "absl/status/status.h"

namespace dnspin {

// Private memory that a reader may have, beyond which it has an allocation fail and ends. Its
// filter lets it map no other.
inline constexpr uint64_t kMemoryMax = uint64_t{1} << 30;

// Makes the directory that `empty_directory` is open on the root, closes it, drops every
// capability, and may from then on make the system calls of a reader alone: any other kills it. An
// error if that cannot be done, or if the process is root.
absl::Status Confine(int empty_directory);

// All of that but the filter: what holds should the filter not. For tests.
absl::Status GiveUpPowers(int empty_directory);

}  // namespace dnspin
