#pragma once
// Knows: how the kernel is told to hand over what our rules log (NFLOG). The one door to
// libnetfilter_log. Touches: a NETLINK_NETFILTER socket. Needs CAP_NET_ADMIN.

#include <cstdint>

#include "absl/status/statusor.h"
#include "nft/netlink_socket.h"

namespace dnspin {

inline constexpr uint16_t kLogGroup = 5353;    // that our rules log to
inline constexpr uint32_t kLogOctetsMax = 96;  // of each packet: its headers

// Everything is acknowledged by the kernel when this returns. A duplicate of it reads what is
// logged: the kernel takes nothing from who has no CAP_NET_ADMIN. kAlreadyExists: another process
// has this group.
absl::StatusOr<NetlinkSocket> OpenFirewallLog();

}  // namespace dnspin
