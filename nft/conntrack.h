#pragma once
// Knows: which flows the kernel remembers for a client. The one door to libnetfilter_conntrack.
// Touches: NETLINK_NETFILTER sockets of that library.

#include <cstddef>
#include <span>

#include "absl/status/statusor.h"
#include "pinning/address.h"

namespace dnspin {

// Deletes what the kernel remembers of these clients' DNS (UDP and TCP from them to port 53), so
// that their next packet meets the doors as they are now. Returns how many flows that were; none is
// no error. Needs CAP_NET_ADMIN.
absl::StatusOr<size_t> ForgetDnsFlows(std::span<const Address> clients);

}  // namespace dnspin
