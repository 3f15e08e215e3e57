#pragma once
// Knows: how the kernel is told which system calls a process may make. Touches: this process's own
// filter, by libseccomp.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace dnspin {

// What an argument must be, under a mask.
struct ArgumentIs {
  unsigned index;
  uint64_t value;
  uint64_t mask = ~uint64_t{0};
};

// The kernel takes an int from the lower half of a register alone.
constexpr ArgumentIs IntIs(unsigned index, int value, unsigned mask = ~0U) {
  return {index, static_cast<unsigned>(value), mask};
}

struct AllowedCall {
  const char* name;
  std::vector<ArgumentIs> when = {};  // all of them; a call may be listed more than once
};

// A new UDP or TCP socket of one family: protocol 0 is no ping socket, no UDP-Lite, no MPTCP.
AllowedCall InetSocket(int family, int type);

// What the C and C++ libraries do by themselves: memory without PROT_EXEC, locks, clocks (system
// calls where the machine's clock source is not readable from user space, as on some Xen hosts), a
// last word on stderr, the end. glibc 2.36 to 2.42, and the sanitizers where they are built in.
std::vector<AllowedCall> CallsOfTheLibraries();

// From now on any other call, and any call of another architecture's, kills this process and its
// threads at once, with SIGSYS; its children likewise, whatever they execute. Needs
// no_new_privs. What was allowed before can only get less.
absl::Status AllowOnly(std::span<const AllowedCall> calls);

// Those of them whose names libseccomp does not know, for tests: they would be refused above.
std::vector<std::string> UnknownNames(std::span<const AllowedCall> calls);

}  // namespace dnspin
