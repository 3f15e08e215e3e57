#pragma once
// Knows: how messages share a packet of the channel: each behind its length (two octets,
// little-endian), so that one system call carries many. Touches nothing.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pinning/channel_message.h"

namespace dnspin {

inline constexpr size_t kLengthOctets = 2;
inline constexpr size_t kChannelPacketOctetsMax = kLengthOctets + kMessageOctetsMax;
// A held verdict that is longer has a packet of its own.
inline constexpr size_t kHeldPacketOctetsMax = kLengthOctets + kHeldVerdictOctetsMax;

inline std::string PacketOf(std::string_view message) {
  std::string packet;
  packet += static_cast<char>(message.size() & 0xFF);
  packet += static_cast<char>(message.size() >> 8);
  return packet.append(message);
}

// To the last of `packets`, if there is room in it.
inline void AddMessage(std::deque<std::string>& packets, std::string_view message) {
  if (packets.empty() ||
      packets.back().size() + kLengthOctets + message.size() > kChannelPacketOctetsMax) {
    packets.push_back(PacketOf(message));
  } else {
    packets.back() += PacketOf(message);
  }
}

// One message or more, none of them empty; nothing if that is not what it is.
inline std::optional<std::vector<std::span<const uint8_t>>> MessagesIn(
    std::span<const uint8_t> packet) {
  std::vector<std::span<const uint8_t>> messages;
  do {
    const size_t octets = packet.size() < 2 ? 0 : packet[0] | static_cast<size_t>(packet[1]) << 8;
    if (octets == 0 || packet.size() - 2 < octets) {
      return std::nullopt;
    }
    messages.push_back(packet.subspan(2, octets));
    packet = packet.subspan(2 + octets);
  } while (!packet.empty());
  return messages;
}

}  // namespace dnspin
