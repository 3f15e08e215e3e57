#include "resolver/queued_packet.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "tests/unit/packet_bytes.h"

namespace dnspin {
namespace {

using namespace bytes;  // NOLINT: the vocabulary of these tables

QueuedPacket Sound(const std::string& packet) {
  const auto result = ReadQueuedPacket(Octets(packet));
  const auto* fault = std::get_if<PacketFault>(&result);
  EXPECT_EQ(fault, nullptr) << "fault " << int(*fault);
  return fault == nullptr ? std::get<QueuedPacket>(result) : QueuedPacket{};
}

std::optional<PacketFault> FaultOf(const std::string& packet) {
  const auto result = ReadQueuedPacket(Octets(packet));
  const auto* fault = std::get_if<PacketFault>(&result);
  return fault == nullptr ? std::nullopt : std::optional(*fault);
}

std::string Text(std::span<const uint8_t> octets) { return {octets.begin(), octets.end()}; }

struct Refusal {
  const char* story;
  std::string packet;
  PacketFault fault;
};

const Refusal kRefusals[] = {
    {"nothing", "", PacketFault::kCut},
    {"version 5", O(0x55) + Ipv4{}.Wire().substr(1), PacketFault::kVersion},
    {"19 octets", Ipv4{}.Wire().substr(0, 19), PacketFault::kCut},
    {"a header of 16 octets", Ipv4{.words = 4}.Wire(), PacketFault::kHeaderLength},
    {"options beyond the end", Ipv4{.udp = {""}, .words = 15}.Wire(), PacketFault::kCut},
    {"IPv4: the last octet is cut off", Ipv4{.total = 20 + 8 + 34}.Wire(), PacketFault::kCut},
    {"IPv4: an octet behind it", Ipv4{}.Wire() + "x", PacketFault::kTrailing},
    {"IPv4: a header checksum of 1", Ipv4{.checksum = 1}.Wire(), PacketFault::kHeaderChecksum},
    {"IPv4: no header checksum", Ipv4{.checksum = 0}.Wire(), PacketFault::kHeaderChecksum},
    {"a first fragment", Ipv4{.fragment = 0x2000}.Wire(), PacketFault::kFragment},
    {"a last fragment", Ipv4{.fragment = 1}.Wire(), PacketFault::kFragment},
    {"the farthest fragment", Ipv4{.fragment = 0x1FFF}.Wire(), PacketFault::kFragment},
    {"TCP", Ipv4{.protocol = 6}.Wire(), PacketFault::kNotUdp},
    {"IPv6 in IPv4", Ipv4{.protocol = 41}.Wire(), PacketFault::kNotUdp},
    {"UDP says 7", Ipv4{.udp = {.length = 7}}.Wire(), PacketFault::kUdpLength},
    {"UDP says 0", Ipv4{.udp = {.length = 0}}.Wire(), PacketFault::kUdpLength},
    {"UDP ends before IP does", Ipv4{.udp = {.length = 8 + 32}}.Wire(), PacketFault::kUdpLength},
    {"UDP goes on behind IP", Ipv4{.udp = {.length = 8 + 34}}.Wire(), PacketFault::kUdpLength},
    {"IPv4: a UDP checksum of 1", Ipv4{.udp = {.checksum = 1}}.Wire(), PacketFault::kUdpChecksum},
    {"39 octets", Ipv6{}.Wire().substr(0, 39), PacketFault::kCut},
    {"IPv6: the last octet is cut off", Ipv6{.payload = 42}.Wire(), PacketFault::kCut},
    {"IPv6: an octet behind it", Ipv6{}.Wire() + "x", PacketFault::kTrailing},
    {"a jumbogram",
     Ipv6{.first = 0, .extensions = O(17) + O(0) + O(0xC2) + O(4) + U32(49), .payload = 0}.Wire(),
     PacketFault::kJumbogram},
    {"an atomic fragment", Ipv6{.first = 44, .extensions = Fragment(kUdp, 0)}.Wire(),
     PacketFault::kFragment},
    {"a fragment", Ipv6{.first = 44, .extensions = Fragment(kUdp, 8)}.Wire(),
     PacketFault::kFragment},
    {"a fragment behind options",
     Ipv6{.first = 60, .extensions = Options(44) + Fragment(kUdp, 1)}.Wire(),
     PacketFault::kFragment},
    {"ESP", Ipv6{.first = 50}.Wire(), PacketFault::kNotUdp},
    {"AH", Ipv6{.first = 51, .extensions = Options(kUdp)}.Wire(), PacketFault::kNotUdp},
    {"no next header", Ipv6{.first = 59}.Wire(), PacketFault::kNotUdp},
    {"TCP behind options", Ipv6{.first = 60, .extensions = Options(6)}.Wire(),
     PacketFault::kNotUdp},
    {"hop-by-hop options that are not first",
     Ipv6{.first = 60, .extensions = Options(0) + Options(kUdp)}.Wire(), PacketFault::kExtension},
    {"nine extension headers", Ipv6{.first = 60, .extensions = ManyOptions(9)}.Wire(),
     PacketFault::kExtension},
    {"a route with a stop to come", Ipv6{.first = 43, .extensions = Routing(kUdp, 1)}.Wire(),
     PacketFault::kSourceRoute},
    {"options longer than the packet", Ipv6{.first = 60, .extensions = O(17) + O(255)}.Wire(),
     PacketFault::kCut},
    {"options to the last octet, and no UDP",
     Ipv6{.udp = {""}, .first = 60, .extensions = O(17) + O(1) + Zeros(6)}.Wire(),
     PacketFault::kCut},
    {"IPv6: UDP says 0", Ipv6{.udp = {.length = 0}}.Wire(), PacketFault::kUdpLength},
    {"IPv6: no UDP checksum", Ipv6{.udp = {.checksum = 0}}.Wire(), PacketFault::kUdpChecksum},
    {"IPv6: a UDP checksum of 1", Ipv6{.udp = {.checksum = 1}}.Wire(), PacketFault::kUdpChecksum},
    {"IPv6: 65,536 octets",
     Ipv6{.udp = {.message = Zeros(kPacketOctetsMax + 1 - 48), .checksum = 1}}.Wire(),
     PacketFault::kTooLong},
};

struct Acceptance {
  const char* story;
  std::string packet;
  std::string message = kMessage;
};

const Acceptance kAcceptances[] = {
    {"IPv4", Ipv4{}.Wire()},
    {"may be fragmented", Ipv4{.fragment = 0}.Wire()},
    {"the most options", Ipv4{.options = Zeros(39) + O(1)}.Wire()},
    {"IPv4: no UDP checksum", Ipv4{.udp = {.checksum = 0}}.Wire()},
    {"IPv4: an empty message", Ipv4{.udp = {""}}.Wire(), ""},
    {"IPv4: an odd message", Ipv4{.udp = {"odd"}}.Wire(), "odd"},
    {"IPv4: the longest", Ipv4{.udp = {Zeros(65507)}}.Wire(), Zeros(65507)},
    {"IPv6", Ipv6{}.Wire()},
    {"IPv6: an empty message", Ipv6{.udp = {""}}.Wire(), ""},
    {"IPv6: the longest", Ipv6{.udp = {Zeros(65487)}}.Wire(), Zeros(65487)},
    {"hop-by-hop options", Ipv6{.first = 0, .extensions = Options(kUdp)}.Wire()},
    {"all kinds of headers",
     Ipv6{.first = 0, .extensions = Options(60) + Options(43) + Routing(60, 0) + Options(kUdp)}
         .Wire()},
    {"eight extension headers", Ipv6{.first = 60, .extensions = ManyOptions(8)}.Wire()},
};

TEST(QueuedPacketTest, WhatIsRefused) {
  for (const Refusal& refusal : kRefusals) {
    EXPECT_EQ(FaultOf(refusal.packet), refusal.fault) << refusal.story;
  }
}

TEST(QueuedPacketTest, WhatIsRead) {
  for (const Acceptance& acceptance : kAcceptances) {
    SCOPED_TRACE(acceptance.story);
    const QueuedPacket packet = Sound(acceptance.packet);
    const bool ipv4 = acceptance.packet[0] < 0x50;
    EXPECT_EQ(packet.source.Text(), ipv4 ? "192.0.2.53:53" : "[2001:db8::53]:53");
    EXPECT_EQ(packet.destination.Text(), ipv4 ? "192.0.2.7:40007" : "[2001:db8::7]:40007");
    EXPECT_EQ(Text(packet.message), acceptance.message);
    EXPECT_EQ(Text(packet.headers) + Text(packet.message), acceptance.packet);
  }
}

TEST(QueuedPacketTest, EveryCutIsRefused) {
  for (const Acceptance& acceptance : kAcceptances) {
    const size_t octets = std::min<size_t>(acceptance.packet.size(), 200);
    for (size_t cut = 0; cut < octets; ++cut) {
      EXPECT_EQ(FaultOf(acceptance.packet.substr(0, cut)), PacketFault::kCut)
          << acceptance.story << ", " << cut;
    }
  }
}

// What the packet would be, had it been made with that message.
struct Rewriting {
  const char* story;
  std::string before;
  std::string message;
  std::string after;
};

const std::string kShort = "short";
const std::string kLong = Zeros(3000) + "odd";
const std::string kHeaders = Options(60) + Options(43) + Routing(kUdp, 0);

const Rewriting kRewritings[] = {
    {"the same", Ipv4{}.Wire(), kMessage, Ipv4{}.Wire()},
    {"shorter", Ipv4{}.Wire(), kShort, Ipv4{.udp = {kShort}}.Wire()},
    {"longer", Ipv4{}.Wire(), kLong, Ipv4{.udp = {kLong}}.Wire()},
    {"emptied", Ipv4{}.Wire(), "", Ipv4{.udp = {""}}.Wire()},
    {"with options", Ipv4{.options = "12345678"}.Wire(), kShort,
     Ipv4{.udp = {kShort}, .options = "12345678"}.Wire()},
    {"no checksum before, none behind", Ipv4{.udp = {.checksum = 0}}.Wire(), kLong,
     Ipv4{.udp = {kLong, {}, 0}}.Wire()},
    {"to the brim", Ipv4{}.Wire(), Zeros(65507), Ipv4{.udp = {Zeros(65507)}}.Wire()},
    {"IPv6, the same", Ipv6{}.Wire(), kMessage, Ipv6{}.Wire()},
    {"IPv6, shorter", Ipv6{}.Wire(), kShort, Ipv6{.udp = {kShort}}.Wire()},
    {"IPv6, with headers", Ipv6{.first = 0, .extensions = kHeaders}.Wire(), kLong,
     Ipv6{.udp = {kLong}, .first = 0, .extensions = kHeaders}.Wire()},
    {"IPv6, to the brim", Ipv6{}.Wire(), Zeros(65487), Ipv6{.udp = {Zeros(65487)}}.Wire()},
};

TEST(QueuedPacketTest, AnotherMessage) {
  for (const Rewriting& rewriting : kRewritings) {
    const QueuedPacket packet = Sound(rewriting.before);
    EXPECT_EQ(WithMessage(packet, Octets(rewriting.message)), rewriting.after) << rewriting.story;
  }
}

TEST(QueuedPacketTest, TooLongAMessageIsNotSent) {
  const std::string ipv4 = Ipv4{}.Wire();
  const std::string ipv6 = Ipv6{}.Wire();
  EXPECT_EQ(WithMessage(Sound(ipv4), Octets(Zeros(65508))), std::nullopt);
  EXPECT_EQ(WithMessage(Sound(ipv6), Octets(Zeros(65488))), std::nullopt);
  EXPECT_EQ(WithMessage(Sound(ipv6), Octets(Zeros(1 << 20))), std::nullopt);
}

// Zero would say that there is none.
TEST(QueuedPacketTest, AChecksumThatComesOutAsZeroIsSentAsAllOnes) {
  for (const std::string& before : {Ipv4{}.Wire(), Ipv6{}.Wire()}) {
    const QueuedPacket packet = Sound(before);
    const std::string zeros = WithMessage(packet, Octets(U16(0))).value();
    const std::string sum = zeros.substr(packet.headers.size() - 2, 2);
    const std::string after = WithMessage(packet, Octets(sum)).value();
    EXPECT_EQ(after.substr(packet.headers.size() - 2), U16(65535) + sum);
    EXPECT_EQ(Text(Sound(after).message), sum);
  }
}

// Made by Linux 6.18, which computed the checksums; options: a router alert, hop by hop and by
// itself, and padding for the destination.
const char* const kMadeByLinux[] = {
    "4500003dfdd440004011b89ec0000235c000020700359c47002901f2",
    "46000042fdd5400040112394c0000235c00002079404000000359c47002a01e9",
    "4500003dfdd640004011b89cc0000235c000020700359c4700290000",
    "60004a310029114020010db800000000000000000000005320010db800000000000000000000000700359c4700292a"
    "63",
    "60004a31003a004020010db800000000000000000000005320010db80000000000000000000000073c000502000001"
    "00110001040000000000359c47002a2a5a",
};

TEST(QueuedPacketTest, LinuxAgreesOnTheChecksums) {
  for (const char* hex : kMadeByLinux) {
    SCOPED_TRACE(hex);
    const std::string headers = absl::HexStringToBytes(hex);
    const bool has_octet_more = headers.back() == '\xE9' || headers.back() == '\x5A';
    const std::string message =
        Message{.asked = N("www.Example.com")}.Wire() + (has_octet_more ? "\7" : "");
    const std::string whole = headers + message;
    const QueuedPacket packet = Sound(whole);
    EXPECT_EQ(packet.destination.port, 40007);
    EXPECT_EQ(Text(packet.message), message);
    EXPECT_EQ(WithMessage(packet, packet.message), whole);
    const std::string other = WithMessage(packet, Octets(kLong)).value();
    EXPECT_EQ(WithMessage(Sound(other), Octets(message)), whole) << "there and back";
  }
}

}  // namespace
}  // namespace dnspin
