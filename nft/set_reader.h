#pragma once
// Knows: what pins the kernel holds. The door to libnftnl for reading. Touches: a NETLINK_NETFILTER
// socket.

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pinning/address.h"

namespace dnspin {

struct KernelPin {
  Family family = Family::kIpv4;
  std::string set;
  Address address;
  std::chrono::milliseconds left{0};  // 0: it has no timeout, so it is none of ours
  std::string comment;                // as it stands there, anybody may have written it
  bool operator==(const KernelPin&) const = default;
};

// All elements of the sets `pin-*` in tables `ip TABLE` and `ip6 TABLE`; a missing table is empty.
// kAborted if others changed the ruleset all the while.
absl::StatusOr<std::vector<KernelPin>> ReadKernelPins(const std::string& table);

}  // namespace dnspin
