#pragma once
// Knows: which flows the kernel remembers, and how it is made to forget some. The one door to
// libnetfilter_conntrack. Touches: NETLINK_NETFILTER sockets of that library.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "absl/status/statusor.h"
#include "pinning/address.h"
#include "pinning/chain_walk.h"

namespace dnspin {

// A flow by its first packet. One that was expected (RELATED) is told with the packet of the flow
// that it belongs to: what may begin that one may begin it.
struct Flow {
  Address source;
  Address asked;                      // where it was sent to, before any DNAT
  uint16_t asked_port = 0;            // TCP and UDP only
  Packet packet;                      // as the forward hook saw it
  std::optional<uint64_t> packets{};  // both ways, where the kernel counts them
  std::optional<uint64_t> octets{};
};

// Deletes every flow that `unwanted` is true for. Returns how many; none is no error. Needs
// CAP_NET_ADMIN. One look at all flows for each family: 1.5 microseconds a flow.
absl::StatusOr<size_t> ForgetFlows(const std::function<bool(const Flow&)>& unwanted);

// Asks DNS, as it was sent.
bool IsDns(const Flow& flow);

}  // namespace dnspin
