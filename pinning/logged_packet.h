#pragma once
// Knows: what the firewall's log says of a packet, from the reader of that log to dnspind: of fixed
// shape, many in one message, judged like a stranger's. Touches nothing.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pinning/address.h"

namespace dnspin {

struct LoggedPacket {
  Address source;
  Address destination;    // of the same family
  uint8_t protocol = 0;   // IANA "Protocol Numbers"; of IPv6 that of what follows the extensions
  uint16_t port = 0;      // of the destination, TCP and UDP alone
  bool accepted = false;  // while its client was taught; else the rules refused it
  bool operator==(const LoggedPacket&) const = default;
};

// What the rules that log put in front of a packet.
inline constexpr std::string_view kLogOfRefused = "dnspin refused";
inline constexpr std::string_view kLogOfAccepted = "dnspin accepted";

inline constexpr size_t kLoggedPacketOctets = 1 + 16 + 16 + 1 + 2;
inline constexpr size_t kLoggedPacketsMax = 28;  // of one message

std::string Encode(std::span<const LoggedPacket> packets);
// All of it, or nothing.
std::optional<std::vector<LoggedPacket>> DecodeLoggedPackets(std::span<const uint8_t> bytes);

}  // namespace dnspin
