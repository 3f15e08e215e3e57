// A packet of the queue, its lengths and checksums mended first if its script says so, and a
// message to be put into it. By a walker of its own (packet_walk.cc): what is sound is read, with
// its addresses, ports and octets; nothing else is, nor what has a bit turned. What is behind the
// packet does not count. With another message it is read as just that, and no other octet has
// changed.
#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/packet_walk.h"
#include "fuzz/script.h"
#include "pinning/check.h"
#include "resolver/queued_packet.h"

namespace dnspin {
namespace {

using Octets = std::vector<uint8_t>;

constexpr unsigned kMendLengths = 1, kMendChecksums = 2;

const QueuedPacket* Read(const std::variant<QueuedPacket, PacketFault>& result) {
  return std::get_if<QueuedPacket>(&result);
}

bool Same(std::span<const uint8_t> one, std::span<const uint8_t> other) {
  return std::ranges::equal(one, other);
}

bool Lies(std::span<const uint8_t> part, std::span<const uint8_t> whole, size_t at, size_t octets) {
  return part.data() == whole.data() + at && part.size() == octets;
}

bool IsIpv4(std::span<const uint8_t> packet) { return packet[0] >> 4 == 4; }

void CheckFields(const QueuedPacket& read, std::span<const uint8_t> packet, size_t udp_at) {
  const size_t octets = IsIpv4(packet) ? 4 : 16;
  const size_t at = IsIpv4(packet) ? 12 : 8;
  DNSPIN_CHECK(Same(read.source.address.bytes(), packet.subspan(at, octets)));
  DNSPIN_CHECK(Same(read.destination.address.bytes(), packet.subspan(at + octets, octets)));
  DNSPIN_CHECK(read.source.port == packet[udp_at] * 256 + packet[udp_at + 1]);
  DNSPIN_CHECK(read.destination.port == packet[udp_at + 2] * 256 + packet[udp_at + 3]);
  DNSPIN_CHECK(Lies(read.headers, packet, 0, udp_at + 8));
  DNSPIN_CHECK(Lies(read.message, packet, udp_at + 8, packet.size() - udp_at - 8));
}

// Read again, with other octets behind its end.
void CheckEnd(const Octets& packet, const std::variant<QueuedPacket, PacketFault>& result) {
  for (const uint8_t behind : {uint8_t{0}, uint8_t{255}}) {
    Octets more = packet;
    more.insert(more.end(), 64, behind);
    const auto again = ReadQueuedPacket(std::span(more).first(packet.size()));
    DNSPIN_CHECK(again.index() == result.index());
    if (const QueuedPacket* read = Read(result)) {
      DNSPIN_CHECK(read->source == Read(again)->source);
      DNSPIN_CHECK(read->destination == Read(again)->destination);
      DNSPIN_CHECK(Same(read->message, Read(again)->message));
    } else {
      DNSPIN_CHECK(std::get<PacketFault>(result) == std::get<PacketFault>(again));
    }
  }
}

// Lengths and checksums as zero: what no other message may change.
Octets Unchanging(std::span<const uint8_t> packet, size_t udp_at) {
  Octets headers(packet.begin(), packet.begin() + static_cast<ptrdiff_t>(udp_at) + 8);
  const auto blank = [&](size_t at) { headers[at] = headers[at + 1] = 0; };
  blank(IsIpv4(packet) ? 2 : 4);
  if (IsIpv4(packet)) {
    blank(10);
  }
  blank(udp_at + 4);
  blank(udp_at + 6);
  return headers;
}

void CheckAnother(const QueuedPacket& read, const Octets& packet, size_t udp_at,
                  const Octets& message) {
  const auto made = WithMessage(read, message);
  DNSPIN_CHECK(made.has_value() == (udp_at + 8 + message.size() <= 65535));
  if (!made) {
    return;
  }
  const Octets other(made->begin(), made->end());
  DNSPIN_CHECK(WalkToUdp(other) == udp_at && LengthsAreRight(other, udp_at));
  DNSPIN_CHECK(ChecksumsAreRight(other, udp_at));
  DNSPIN_CHECK(Unchanging(other, udp_at) == Unchanging(packet, udp_at));
  const auto has_checksum = [&](const Octets& octets) {
    return octets[udp_at + 6] != 0 || octets[udp_at + 7] != 0;
  };
  DNSPIN_CHECK(has_checksum(other) == has_checksum(packet));
  const auto again = ReadQueuedPacket(other);
  DNSPIN_CHECK(Read(again) != nullptr && Same(Read(again)->message, message));
  DNSPIN_CHECK(Read(again)->source == read.source);
  DNSPIN_CHECK(Read(again)->destination == read.destination);
}

// A header checksum of zero may come as 65535; it goes as zero.
void CheckTheSame(const QueuedPacket& read, Octets packet) {
  if (IsIpv4(packet) && packet[10] == 0xFF && packet[11] == 0xFF) {
    packet[10] = packet[11] = 0;
  }
  const auto made = WithMessage(read, read.message);
  DNSPIN_CHECK(made.has_value() && Octets(made->begin(), made->end()) == packet);
}

// Not the octet that says what a checksum covers, nor a UDP checksum that the bit takes away.
void CheckTurnedBit(Octets packet, size_t udp_at, size_t bit) {
  const size_t sum_at = udp_at + 6;
  const bool ipv4 = IsIpv4(packet);
  const bool checked = packet[sum_at] != 0 || packet[sum_at + 1] != 0;
  const size_t at = bit / 8 % packet.size();
  const bool covered =
      ipv4 ? at != 0 && (at < udp_at || checked) : (at >= 8 && at < 40) || at >= udp_at;
  packet[at] ^= static_cast<uint8_t>(1U << bit % 8);
  const bool taken_away = packet[sum_at] == 0 && packet[sum_at + 1] == 0;
  if (covered && !(ipv4 && checked && taken_away)) {
    DNSPIN_CHECK(Read(ReadQueuedPacket(packet)) == nullptr);
  }
}

// As many octets as the script says, of a pattern that it holds.
Octets MessageOf(Script& script) {
  const size_t octets = script.Number();
  const auto pattern = script.Octets(script.Octet());
  Octets message(octets);
  for (size_t at = 0; at < octets && !pattern.empty(); ++at) {
    message[at] = pattern[at % pattern.size()];
  }
  return message;
}

void Run(Script script) {
  const unsigned mend = script.Octet();
  const size_t bit = script.Number();
  const Octets message = MessageOf(script);
  const auto rest = script.Octets(SIZE_MAX);
  Octets packet(rest.begin(), rest.end());
  const auto udp_at = WalkToUdp(packet);
  if (udp_at && (mend & kMendLengths) != 0) {
    MendLengths(packet, *udp_at);
  }
  if (udp_at && (mend & kMendChecksums) != 0) {
    MendChecksums(packet, *udp_at);
  }
  const auto result = ReadQueuedPacket(packet);
  const QueuedPacket* read = Read(result);
  CheckEnd(packet, result);
  const bool sound =
      udp_at && LengthsAreRight(packet, *udp_at) && ChecksumsAreRight(packet, *udp_at);
  DNSPIN_CHECK((read != nullptr) == sound);
  if (read != nullptr) {
    CheckFields(*read, packet, *udp_at);
    CheckTheSame(*read, packet);
    CheckAnother(*read, packet, *udp_at, message);
    CheckTurnedBit(packet, *udp_at, bit);
  }
}

}  // namespace
}  // namespace dnspin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  dnspin::Run(dnspin::Script(bytes, size));
  return 0;
}
