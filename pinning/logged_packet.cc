#include "pinning/logged_packet.h"

#include <algorithm>

#include "pinning/check.h"

namespace dnspin {
namespace {

constexpr uint8_t kIpv6 = 1;
constexpr uint8_t kAccepted = 2;
constexpr size_t kAddressOctets = 16;

void Put(std::string& bytes, const Address& address) {
  const auto octets = address.bytes();
  bytes.append(octets.begin(), octets.end());
  bytes.append(kAddressOctets - octets.size(), '\0');
}

std::optional<Address> Take(std::span<const uint8_t> octets, bool ipv6) {
  const size_t length = ipv6 ? kAddressOctets : 4;
  const auto rest = octets.subspan(length);
  const bool clean = std::all_of(rest.begin(), rest.end(), [](uint8_t o) { return o == 0; });
  return clean ? Address::FromBytes(octets.first(length)) : std::nullopt;
}

std::optional<LoggedPacket> Take(std::span<const uint8_t> octets) {
  const uint8_t flags = octets[0];
  const bool ipv6 = (flags & kIpv6) != 0;
  const auto source = Take(octets.subspan(1, kAddressOctets), ipv6);
  const auto destination = Take(octets.subspan(1 + kAddressOctets, kAddressOctets), ipv6);
  if (flags > (kIpv6 | kAccepted) || !source || !destination) {
    return std::nullopt;
  }
  const auto rest = octets.subspan(1 + 2 * kAddressOctets);
  return LoggedPacket{*source, *destination, rest[0], static_cast<uint16_t>(rest[1] << 8 | rest[2]),
                      (flags & kAccepted) != 0};
}

}  // namespace

std::string Encode(std::span<const LoggedPacket> packets) {
  DNSPIN_CHECK(packets.size() <= kLoggedPacketsMax);
  std::string bytes;
  for (const LoggedPacket& packet : packets) {
    const bool ipv6 = packet.destination.family() == Family::kIpv6;
    bytes += static_cast<char>((ipv6 ? kIpv6 : 0) | (packet.accepted ? kAccepted : 0));
    Put(bytes, packet.source);
    Put(bytes, packet.destination);
    bytes += static_cast<char>(packet.protocol);
    bytes += static_cast<char>(packet.port >> 8);
    bytes += static_cast<char>(packet.port & 0xFF);
  }
  return bytes;
}

std::optional<std::vector<LoggedPacket>> DecodeLoggedPackets(std::span<const uint8_t> bytes) {
  if (bytes.empty() || bytes.size() % kLoggedPacketOctets != 0 ||
      bytes.size() > kLoggedPacketsMax * kLoggedPacketOctets) {
    return std::nullopt;
  }
  std::vector<LoggedPacket> packets;
  for (; !bytes.empty(); bytes = bytes.subspan(kLoggedPacketOctets)) {
    const auto packet = Take(bytes.first(kLoggedPacketOctets));
    if (!packet) {
      return std::nullopt;
    }
    packets.push_back(*packet);
  }
  return packets;
}

}  // namespace dnspin
