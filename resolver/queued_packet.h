#pragma once
// Knows: one whole IP packet as NFQUEUE hands it over: from whom to whom, which DNS message is in
// it, and the same packet around another message. Touches nothing.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "pinning/address.h"

namespace dnspin {

// The kernel's stack has dropped, trimmed or put together most of these before the queue; what
// comes all the same is not guessed at.
enum class PacketFault : uint8_t {
  kCut,             // fewer octets than its headers or its length say
  kTrailing,        // more octets than its length says
  kTooLong,         // over kPacketOctetsMax; IPv6 alone could be
  kVersion,         // neither IPv4 nor IPv6
  kHeaderLength,    // of IPv4, less than its fixed part
  kHeaderChecksum,  // of IPv4
  kFragment,        // IPv6's atomic fragments too: conntrack has taken that header out
  kJumbogram,       // an IPv6 payload length of 0
  kSourceRoute,     // an IPv6 routing header that is not at its end: it is for somebody else
  kExtension,       // too many IPv6 extension headers, or hop-by-hop options that are not the first
  kNotUdp,          // AH and ESP among them
  kUdpLength,       // not all that IP carries, to the octet
  kUdpChecksum,     // wrong, or left out over IPv6
};

struct QueuedPacket {
  Endpoint source;
  Endpoint destination;
  std::span<const uint8_t> headers;  // into the packet: all in front of the message, UDP's last
  std::span<const uint8_t> message;  // into the packet: all the rest; nothing of it was looked at
};

inline constexpr size_t kPacketOctetsMax = 65'535;
inline constexpr size_t kExtensionHeadersMax = 8;

// Options, of IPv4 or in extension headers, are passed over unread.
std::variant<QueuedPacket, PacketFault> ReadQueuedPacket(std::span<const uint8_t> packet);

// The same headers, with lengths and checksums put right; no UDP checksum where there was none.
// Nothing if it would be longer than kPacketOctetsMax.
std::optional<std::string> WithMessage(const QueuedPacket& packet,
                                       std::span<const uint8_t> message);

}  // namespace dnspin
