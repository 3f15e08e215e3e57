// The first octets of packets that the firewall has logged, as a table of them.
#include "resolver/packet_log.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "tests/unit/packet_bytes.h"

namespace dnspin {
namespace {

using namespace bytes;  // NOLINT: the vocabulary of these tables

std::span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Towards port 40007, as Datagram has it.
TEST(PacketLog, WhereAPacketWent) {
  const struct {
    const char* story;
    std::string octets;
    int protocol;
    int port;
  } rows[] = {
      {"UDP", Ipv4{}.Wire(), IPPROTO_UDP, 40007},
      {"TCP", Ipv4{.protocol = 6}.Wire(), IPPROTO_TCP, 40007},
      {"ICMP has no port", Ipv4{.protocol = 1}.Wire(), IPPROTO_ICMP, 0},
      {"options", Ipv4{.options = std::string(8, '\1')}.Wire(), IPPROTO_UDP, 40007},
      {"the first fragment", Ipv4{.fragment = 0x2000}.Wire(), IPPROTO_UDP, 40007},
      {"another fragment", Ipv4{.fragment = 0x2001}.Wire(), IPPROTO_UDP, 0},
      {"its headers alone", Ipv4{}.Wire().substr(0, 24), IPPROTO_UDP, 40007},
      {"cut in the ports", Ipv4{}.Wire().substr(0, 23), IPPROTO_UDP, 0},
      {"cut in the options", Ipv4{.options = std::string(8, '\1')}.Wire().substr(0, 22),
       IPPROTO_UDP, 0},
      {"IPv6", Ipv6{}.Wire(), IPPROTO_UDP, 40007},
      {"options of IPv6", Ipv6{{}, 0, Options(kUdp)}.Wire(), IPPROTO_UDP, 40007},
      {"a route", Ipv6{{}, 43, Routing(kUdp, 0)}.Wire(), IPPROTO_UDP, 40007},
      {"IPv6's first fragment", Ipv6{{}, 44, Fragment(kUdp, 1)}.Wire(), IPPROTO_UDP, 40007},
      {"IPv6's next fragment", Ipv6{{}, 44, Fragment(kUdp, 9)}.Wire(), IPPROTO_UDP, 0},
      {"eight extensions", Ipv6{{}, 60, ManyOptions(8)}.Wire(), IPPROTO_UDP, 40007},
      {"nine", Ipv6{{}, 60, ManyOptions(9)}.Wire(), 60, 0},
      {"cut in an extension", Ipv6{{}, 60, Options(kUdp)}.Wire().substr(0, 44), 60, 0},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    const auto packet = ReadLoggedPacket(Bytes(row.octets));
    ASSERT_TRUE(packet.has_value());
    EXPECT_EQ(packet->protocol, row.protocol);
    EXPECT_EQ(packet->port, row.port);
    const bool ipv6 = packet->source.family() == Family::kIpv6;
    EXPECT_EQ(packet->source, Address::Parse(ipv6 ? "2001:db8::53" : "192.0.2.53"));
    EXPECT_EQ(packet->destination, Address::Parse(ipv6 ? "2001:db8::7" : "192.0.2.7"));
  }
}

TEST(PacketLog, WithoutItsAddressesItIsNone) {
  const struct {
    const char* story;
    std::string octets;
  } rows[] = {
      {"nothing", ""},
      {"an octet", "E"},
      {"IPv4, cut", Ipv4{}.Wire().substr(0, 19)},
      {"IPv4 of 16 octets", Ipv4{.words = 4}.Wire()},
      {"IPv6, cut", Ipv6{}.Wire().substr(0, 39)},
      {"version 5", O(0x55) + Ipv4{}.Wire().substr(1)},
  };
  for (const auto& row : rows) {
    EXPECT_FALSE(ReadLoggedPacket(Bytes(row.octets)).has_value()) << row.story;
  }
}

}  // namespace
}  // namespace dnspin
