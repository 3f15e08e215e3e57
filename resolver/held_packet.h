#pragma once
// Knows: what NFQUEUE says of a packet that waits (linux/netfilter/nfnetlink_queue.h): its number
// and its octets. Touches nothing.

#include <cstdint>
#include <functional>
#include <span>

namespace dnspin {

struct HeldPacket {
  uint32_t number = 0;
  std::span<const uint8_t> octets;  // into the datagram; from the IP header on
  bool whole = false;               // false: there is more of it than is here
};

// Calls `each` for every packet in one datagram of the queue's socket, the beginning of which this
// is (`cut`) or all of it. What is no packet is passed over: the kernel also says of verdicts there
// that they came too late.
void ReadHeldPackets(std::span<const uint8_t> datagram, bool cut,
                     const std::function<void(const HeldPacket&)>& each);

}  // namespace dnspin
