#include "fuzz/packet_walk.h"

namespace dnspin {
namespace {

bool IsIpv4(std::span<const uint8_t> packet) { return packet[0] >> 4 == 4; }

size_t Number(std::span<const uint8_t> packet, size_t at) {
  return packet[at] * size_t{256} + packet[at + 1];
}

void Put(std::vector<uint8_t>& packet, size_t at, size_t number) {
  packet[at] = static_cast<uint8_t>(number / 256);
  packet[at + 1] = static_cast<uint8_t>(number % 256);
}

// One long number modulo 65535, `rest` that of what stands before it: zero when a checksum is
// right.
unsigned Modulo(std::span<const uint8_t> octets, unsigned rest = 0) {
  for (const uint8_t octet : octets) {
    rest = (rest * 256 + octet) % 65535;
  }
  return octets.size() % 2 == 0 ? rest : rest * 256 % 65535;
}

unsigned UdpModulo(std::span<const uint8_t> packet, size_t udp_at) {
  const auto addresses = IsIpv4(packet) ? packet.subspan(12, 8) : packet.subspan(8, 32);
  const size_t rest = Modulo(addresses) + 17 + (packet.size() - udp_at);
  return Modulo(packet.subspan(udp_at), static_cast<unsigned>(rest % 65535));
}

std::optional<size_t> WalkIpv6(std::span<const uint8_t> packet) {
  size_t at = 40;
  unsigned kind = packet[6];
  for (int passed = 0; passed <= 8; ++passed) {
    if (at + 8 > packet.size()) {
      return std::nullopt;
    }
    if (kind == 17) {
      return at;
    }
    const bool may_stand_here =
        kind == 60 || (kind == 43 && packet[at + 3] == 0) || (kind == 0 && passed == 0);
    if (!may_stand_here) {
      return std::nullopt;
    }
    kind = packet[at];
    at += 8 + packet[at + 1] * size_t{8};
  }
  return std::nullopt;
}

}  // namespace

std::optional<size_t> WalkToUdp(std::span<const uint8_t> packet) {
  if (packet.size() >= 40 && packet[0] >> 4 == 6) {
    return WalkIpv6(packet);
  }
  if (packet.size() < 28 || packet[0] >> 4 != 4 || packet[9] != 17) {
    return std::nullopt;
  }
  const size_t at = packet[0] % 16 * size_t{4};
  const bool whole = packet[6] % 64 == 0 && packet[7] == 0;
  return at >= 20 && whole && at + 8 <= packet.size() ? std::optional(at) : std::nullopt;
}

bool LengthsAreRight(std::span<const uint8_t> packet, size_t udp_at) {
  const size_t said = IsIpv4(packet) ? Number(packet, 2) : Number(packet, 4) + 40;
  return said == packet.size() && said <= 65535 && udp_at + Number(packet, udp_at + 4) == said;
}

bool ChecksumsAreRight(std::span<const uint8_t> packet, size_t udp_at) {
  if (IsIpv4(packet) && Modulo(packet.first(udp_at)) != 0) {
    return false;
  }
  return Number(packet, udp_at + 6) == 0 ? IsIpv4(packet) : UdpModulo(packet, udp_at) == 0;
}

void MendLengths(std::vector<uint8_t>& packet, size_t udp_at) {
  Put(packet, IsIpv4(packet) ? 2 : 4, packet.size() - (IsIpv4(packet) ? 0 : 40));
  Put(packet, udp_at + 4, packet.size() - udp_at);
}

void MendChecksums(std::vector<uint8_t>& packet, size_t udp_at) {
  if (IsIpv4(packet)) {
    Put(packet, 10, 0);
    Put(packet, 10, (65535 - Modulo(std::span(packet).first(udp_at))) % 65535);
    if (Number(packet, udp_at + 6) == 0) {
      return;
    }
  }
  Put(packet, udp_at + 6, 0);
  Put(packet, udp_at + 6, 65535 - UdpModulo(packet, udp_at));  // 65535 stands for zero
}

}  // namespace dnspin
