#include "resolver/queued_packet.h"

#include "resolver/octets.h"

namespace dnspin {
namespace {

constexpr size_t kIpv4HeaderOctets = 20;
constexpr size_t kIpv6HeaderOctets = 40;
constexpr size_t kUdpHeaderOctets = 8;
constexpr unsigned kFragmentMask = 0x3FFF;  // "more fragments" and the offset

// Protocol numbers (IANA).
constexpr uint8_t kHopByHop = 0, kUdp = 17, kRouting = 43, kFragmentHeader = 44,
                  kDestinationOptions = 60;

// Where the fields are that another message changes.
constexpr size_t kIpv4LengthAt = 2, kIpv4ChecksumAt = 10, kIpv6LengthAt = 4;
constexpr size_t kUdpLengthAt = 4, kUdpChecksumAt = 6;

struct NetworkHeader {
  Address source;
  Address destination;
  size_t octets = 0;  // extension headers included
};

using NetworkResult = std::variant<NetworkHeader, PacketFault>;

// RFC 1071: the sum of 16-bit words, an odd octet padded with zero. 65,535 octets and a pseudo
// header do not overflow it.
uint32_t Sum(std::span<const uint8_t> octets) {
  uint32_t sum = 0;
  for (size_t at = 0; at + 1 < octets.size(); at += 2) {
    sum += static_cast<uint32_t>(octets[at] << 8 | octets[at + 1]);
  }
  return octets.size() % 2 == 0 ? sum : sum + static_cast<uint32_t>(octets.back() << 8);
}

uint16_t Folded(uint32_t sum) {
  sum = (sum >> 16) + (sum & 0xFFFF);
  return static_cast<uint16_t>((sum >> 16) + sum);
}

constexpr uint16_t kSumOfSound = 0xFFFF;  // of all that a checksum covers, itself included

// Of a UDP datagram and the pseudo header before it (RFC 768, RFC 8200 8.1).
uint32_t UdpSum(const Address& source, const Address& destination,
                std::span<const uint8_t> datagram) {
  return Sum(source.bytes()) + Sum(destination.bytes()) + kUdp +
         static_cast<uint32_t>(datagram.size()) + Sum(datagram);
}

std::optional<PacketFault> CheckLength(std::span<const uint8_t> packet, size_t said) {
  if (packet.size() < said) {
    return PacketFault::kCut;
  }
  if (packet.size() > said) {
    return PacketFault::kTrailing;
  }
  return std::nullopt;
}

NetworkResult ReadIpv4(std::span<const uint8_t> packet) {
  OctetReader reader(packet);
  const size_t header_octets = size_t{4} * (reader.U8() & 0x0FU);
  reader.Take(1);  // type of service
  const size_t total_octets = reader.U16();
  reader.Take(2);  // identification
  const unsigned fragment = reader.U16();
  reader.Take(1);  // time to live
  const uint8_t protocol = reader.U8();
  reader.Take(2);  // checksum
  const auto source = Address::FromBytes(reader.Take(4));
  const auto destination = Address::FromBytes(reader.Take(4));
  if (!source || !destination) {
    return PacketFault::kCut;
  }
  if (header_octets < kIpv4HeaderOctets) {
    return PacketFault::kHeaderLength;
  }
  if (const auto fault = CheckLength(packet, total_octets)) {
    return *fault;
  }
  if (packet.size() < header_octets) {
    return PacketFault::kCut;
  }
  if (Folded(Sum(packet.first(header_octets))) != kSumOfSound) {
    return PacketFault::kHeaderChecksum;
  }
  if ((fragment & kFragmentMask) != 0) {
    return PacketFault::kFragment;
  }
  if (protocol != kUdp) {
    return PacketFault::kNotUdp;
  }
  return NetworkHeader{*source, *destination, header_octets};
}

// Reads one extension header, of kind `next`, and makes `next` what follows it. `first`: it is the
// first one.
std::optional<PacketFault> PassExtension(OctetReader& reader, uint8_t& next, bool first) {
  if (next == kFragmentHeader) {
    return PacketFault::kFragment;
  }
  if (next != kHopByHop && next != kRouting && next != kDestinationOptions) {
    return PacketFault::kNotUdp;
  }
  if (next == kHopByHop && !first) {
    return PacketFault::kExtension;
  }
  const bool routing = next == kRouting;
  next = reader.U8();
  const size_t octets = size_t{8} * (reader.U8() + 1U);
  OctetReader rest(reader.Take(octets - 2));
  if (!reader.ok()) {
    return PacketFault::kCut;
  }
  rest.Take(1);  // of a routing header: its type; then, how many segments are left
  return routing && rest.U8() != 0 ? std::optional(PacketFault::kSourceRoute) : std::nullopt;
}

NetworkResult ReadIpv6(std::span<const uint8_t> packet) {
  OctetReader reader(packet);
  reader.Take(4);  // version, traffic class, flow label
  const size_t payload_octets = reader.U16();
  uint8_t next = reader.U8();
  reader.Take(1);  // hop limit
  const auto source = Address::FromBytes(reader.Take(16));
  const auto destination = Address::FromBytes(reader.Take(16));
  if (!source || !destination) {
    return PacketFault::kCut;
  }
  if (payload_octets == 0) {
    return PacketFault::kJumbogram;
  }
  if (const auto fault = CheckLength(packet, kIpv6HeaderOctets + payload_octets)) {
    return *fault;
  }
  for (size_t headers = 0; next != kUdp; ++headers) {
    if (headers == kExtensionHeadersMax) {
      return PacketFault::kExtension;
    }
    if (const auto fault = PassExtension(reader, next, headers == 0)) {
      return *fault;
    }
  }
  return NetworkHeader{*source, *destination, reader.at()};
}

NetworkResult ReadNetwork(std::span<const uint8_t> packet) {
  if (packet.empty()) {
    return PacketFault::kCut;
  }
  if (packet.size() > kPacketOctetsMax) {
    return PacketFault::kTooLong;
  }
  switch (packet.front() >> 4) {
    case 4:
      return ReadIpv4(packet);
    case 6:
      return ReadIpv6(packet);
    default:
      return PacketFault::kVersion;
  }
}

void PutU16(std::string& octets, size_t at, size_t value) {
  octets[at] = static_cast<char>(value >> 8 & 0xFF);
  octets[at + 1] = static_cast<char>(value & 0xFF);
}

// The field itself counts as zero.
void PutIpv4Checksum(std::string& packet, size_t header_octets) {
  PutU16(packet, kIpv4ChecksumAt, 0);
  const unsigned sum = Folded(Sum(AsOctets(packet).first(header_octets)));
  PutU16(packet, kIpv4ChecksumAt, ~sum);
}

}  // namespace

std::variant<QueuedPacket, PacketFault> ReadQueuedPacket(std::span<const uint8_t> packet) {
  const NetworkResult network = ReadNetwork(packet);
  if (const auto* fault = std::get_if<PacketFault>(&network)) {
    return *fault;
  }
  const auto& [source, destination, octets] = std::get<NetworkHeader>(network);
  OctetReader udp(packet, octets);
  const uint16_t source_port = udp.U16();
  const uint16_t destination_port = udp.U16();
  const size_t length = udp.U16();
  const uint16_t checksum = udp.U16();
  const auto message = udp.TakeRest();
  if (!udp.ok()) {
    return PacketFault::kCut;
  }
  if (length != kUdpHeaderOctets + message.size()) {
    return PacketFault::kUdpLength;
  }
  const auto datagram = packet.subspan(octets);
  const bool sound = checksum == 0 ? source.family() == Family::kIpv4
                                   : Folded(UdpSum(source, destination, datagram)) == kSumOfSound;
  if (!sound) {
    return PacketFault::kUdpChecksum;
  }
  return QueuedPacket{{source, source_port},
                      {destination, destination_port},
                      packet.first(octets + kUdpHeaderOctets),
                      message};
}

std::optional<std::string> WithMessage(const QueuedPacket& packet,
                                       std::span<const uint8_t> message) {
  if (message.size() > kPacketOctetsMax - packet.headers.size()) {
    return std::nullopt;
  }
  const size_t udp_at = packet.headers.size() - kUdpHeaderOctets;
  std::string octets;
  octets.reserve(packet.headers.size() + message.size());
  octets.append(AsText(packet.headers)).append(AsText(message));
  if (packet.source.address.family() == Family::kIpv4) {
    PutU16(octets, kIpv4LengthAt, octets.size());
    PutIpv4Checksum(octets, udp_at);
  } else {
    PutU16(octets, kIpv6LengthAt, octets.size() - kIpv6HeaderOctets);
  }
  PutU16(octets, udp_at + kUdpLengthAt, octets.size() - udp_at);
  if (OctetReader(packet.headers, udp_at + kUdpChecksumAt).U16() != 0) {
    PutU16(octets, udp_at + kUdpChecksumAt, 0);
    const unsigned sum = Folded(UdpSum(packet.source.address, packet.destination.address,
                                       AsOctets(octets).subspan(udp_at)));
    PutU16(octets, udp_at + kUdpChecksumAt, sum == kSumOfSound ? sum : ~sum);  // 0 is none
  }
  return octets;
}

}  // namespace dnspin
