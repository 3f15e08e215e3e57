#include "resolver/packet_log.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <netinet/in.h>

#include <string_view>

#include "resolver/netlink_message.h"
#include "resolver/octets.h"

namespace dnspin {
namespace {

constexpr size_t kIpv4Octets = 20;
constexpr size_t kIpv6Octets = 40;
constexpr int kExtensionsMax = 8;

// Source and destination port are the first four octets of both.
void TakePort(std::span<const uint8_t> transport, LoggedPacket& packet) {
  if ((packet.protocol == IPPROTO_TCP || packet.protocol == IPPROTO_UDP) && transport.size() >= 4) {
    packet.port = static_cast<uint16_t>(transport[2] << 8 | transport[3]);
  }
}

// RFC 791 section 3.1.
std::optional<LoggedPacket> ReadIpv4(std::span<const uint8_t> octets) {
  const size_t header = static_cast<size_t>(octets[0] & 0x0F) * 4;
  if (octets.size() < kIpv4Octets || header < kIpv4Octets) {
    return std::nullopt;
  }
  LoggedPacket packet{*Address::FromBytes(octets.subspan(12, 4)),
                      *Address::FromBytes(octets.subspan(16, 4)), octets[9]};
  const bool first = (octets[6] & 0x1F) == 0 && octets[7] == 0;
  if (first && octets.size() > header) {
    TakePort(octets.subspan(header), packet);
  }
  return packet;
}

bool IsExtension(uint8_t protocol) {
  return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
         protocol == IPPROTO_FRAGMENT || protocol == IPPROTO_DSTOPTS;
}

// RFC 8200 sections 3 and 4.
std::optional<LoggedPacket> ReadIpv6(std::span<const uint8_t> octets) {
  if (octets.size() < kIpv6Octets) {
    return std::nullopt;
  }
  LoggedPacket packet{*Address::FromBytes(octets.subspan(8, 16)),
                      *Address::FromBytes(octets.subspan(24, 16)), octets[6]};
  octets = octets.subspan(kIpv6Octets);
  for (int passed = 0; IsExtension(packet.protocol); ++passed) {
    const bool fragment = packet.protocol == IPPROTO_FRAGMENT;
    if (passed == kExtensionsMax || octets.size() < 8) {
      return packet;
    }
    if (fragment && (octets[2] != 0 || (octets[3] & 0xF8) != 0)) {
      packet.protocol = octets[0];
      return packet;  // not the first
    }
    const size_t length = fragment ? 8 : (static_cast<size_t>(octets[1]) + 1) * 8;
    packet.protocol = octets[0];
    if (octets.size() < length) {
      return packet;
    }
    octets = octets.subspan(length);
  }
  TakePort(octets, packet);
  return packet;
}

}  // namespace

std::optional<LoggedPacket> ReadLoggedPacket(std::span<const uint8_t> octets) {
  if (octets.empty()) {
    return std::nullopt;
  }
  switch (octets[0] >> 4) {
    case 4:
      return ReadIpv4(octets);
    case 6:
      return ReadIpv6(octets);
    default:
      return std::nullopt;
  }
}

void ReadPacketLog(std::span<const uint8_t> datagram, bool cut,
                   const std::function<void(const LoggedPacket&)>& each) {
  netlink::ForEachMessage(datagram, cut, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET,
                          [&](std::span<const uint8_t> attributes) {
                            std::optional<LoggedPacket> packet;
                            bool accepted = false;
                            netlink::ForEachAttribute(
                                attributes, [&](const netlink::Attribute& said) {
                                  if (said.type == NFULA_PAYLOAD) {
                                    packet = ReadLoggedPacket(said.value);
                                  } else if (said.type == NFULA_PREFIX) {
                                    accepted = AsText(said.value).starts_with(kLogOfAccepted);
                                  }
                                });
                            if (packet) {
                              packet->accepted = accepted;
                              each(*packet);
                            }
                          });
}

}  // namespace dnspin
