#pragma once
// Knows: what the firewall's log (NFLOG, linux/netfilter/nfnetlink_log.h) says of packets: their
// first octets, and whether they were let go. Touches nothing.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "pinning/logged_packet.h"

namespace dnspin {

// Of the beginning of an IP packet. Nothing if not even its addresses are there; no port if it is
// not, as in all fragments but the first.
std::optional<LoggedPacket> ReadLoggedPacket(std::span<const uint8_t> octets);

// Calls `each` for every packet in one datagram of the log's socket that can be read.
void ReadPacketLog(std::span<const uint8_t> datagram, bool cut,
                   const std::function<void(const LoggedPacket&)>& each);

}  // namespace dnspin
