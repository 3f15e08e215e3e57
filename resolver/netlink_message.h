#pragma once
// Knows: how the kernel packs messages and attributes into a datagram of NETLINK_NETFILTER
// (linux/netlink.h, linux/netfilter/nfnetlink.h). Total: any octets may come. Touches nothing.

#include <cstdint>
#include <functional>
#include <span>

namespace dnspin::netlink {

struct Attribute {
  uint16_t type = 0;  // without flags
  std::span<const uint8_t> value;
  bool whole = false;  // false: it says that it is longer
};

// Calls `each` with the attributes of every message of `type` (subsystem and message) in the
// datagram, which may be `cut`.
void ForEachMessage(std::span<const uint8_t> datagram, bool cut, uint16_t type,
                    const std::function<void(std::span<const uint8_t> attributes)>& each);

// False if they are not well-formed.
bool ForEachAttribute(std::span<const uint8_t> attributes,
                      const std::function<void(const Attribute&)>& each);

}  // namespace dnspin::netlink
