#include "nft/client_chain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "nft/learning.h"

namespace dnspin {
namespace {

using Lines = std::vector<std::string>;

Address A(const char* text) { return *Address::Parse(text); }

HostPattern Host(const std::string& text) {
  if (text.starts_with("~")) {
    return {HostPattern::Kind::kRegex, {}, text.substr(1)};
  }
  if (text.starts_with("*.")) {
    return {HostPattern::Kind::kBelow, *Name::FromHost(text.substr(2)), {}};
  }
  if (text.starts_with(".")) {
    return {HostPattern::Kind::kZone, *Name::FromHost(text.substr(1)), {}};
  }
  return {HostPattern::Kind::kName, *Name::FromHost(text), {}};
}

// A rule as a test writes it: R(kAccept).To("192.0.2.0/24").Tcp(443, 443).
struct R : Rule {
  explicit R(Action a) { action = a; }
  R& At(const std::string& text) { return host = Host(text), *this; }
  R& To(const char* text) { return destination = *Prefix::Parse(text), *this; }
  R& Tcp() { return service.protocol = Protocol::kTcp, *this; }
  R& Udp() { return service.protocol = Protocol::kUdp, *this; }
  R& Icmp() { return service.protocol = Protocol::kIcmp, *this; }
  R& Ports(uint16_t a, uint16_t b) { return service.ports = PortRange{a, b}, *this; }
  R& Type(uint8_t type) { return service.icmp_type = type, *this; }
  R& Dns() { return dns_target = true, *this; }
};

R Accept() { return R(Action::kAccept); }
R Drop() { return R(Action::kDrop); }

ClientRules Client(const std::vector<R>& rules) {
  ClientRules client{{A("10.137.0.25"), A("fd09:24ef:4179::a89:19")}, {}, {}, 8192};
  client.rules = std::vector<Rule>(rules.begin(), rules.end());
  client.groups = GroupsOf(client.rules, {});
  return client;
}

const std::string kReject4 = "reject with icmp type admin-prohibited";
const std::string kReject6 = "reject with icmpv6 type admin-prohibited";

struct Story {
  const char* what;
  std::vector<R> rules;
  Lines ipv4;  // without the last reject
  Lines ipv6;
  uint32_t closed_from = UINT32_MAX;
};

class ChainStories : public ::testing::TestWithParam<Story> {};

Lines WithoutLogs(Lines lines) {
  std::erase_if(lines, [](const std::string& line) { return absl::StrContains(line, " log "); });
  return lines;
}

TEST_P(ChainStories, ReadAsNftWants) {
  const Story& story = GetParam();
  ClientRules client = Client(story.rules);
  client.closed_from = story.closed_from;
  Lines ipv4 = story.ipv4;
  Lines ipv6 = story.ipv6;
  ipv4.push_back(kReject4);
  ipv6.push_back(kReject6);
  EXPECT_EQ(WithoutLogs(ChainRules(client, Family::kIpv4)), ipv4) << story.what;
  EXPECT_EQ(WithoutLogs(ChainRules(client, Family::kIpv6)), ipv6) << story.what;
}

const char* const kSet4 = "ip daddr @pin-10-137-0-25-";
const char* const kSet6 = "ip6 daddr @pin-fd09-24ef-4179--a89-19-";

std::string S4(int group, const std::string& rest) {
  return kSet4 + std::to_string(group) + " " + rest;
}
std::string D4(int group, const std::string& rest) {
  return "ip daddr @drop-10-137-0-25-" + std::to_string(group) + " " + rest;
}
std::string D6(int group, const std::string& rest) {
  return "ip6 daddr @drop-fd09-24ef-4179--a89-19-" + std::to_string(group) + " " + rest;
}
std::string S6(int group, const std::string& rest) {
  return kSet6 + std::to_string(group) + " " + rest;
}

INSTANTIATE_TEST_SUITE_P(
    Rules, ChainStories,
    ::testing::Values(
        Story{"no rules: all is refused", {}, {}, {}},
        Story{"everything", {Accept()}, {"accept"}, {"accept"}},
        Story{"nothing, said aloud", {Drop()}, {kReject4}, {kReject6}},
        Story{"an IPv4 destination is nothing to IPv6",
              {Accept().To("192.0.2.0/24")},
              {"ip daddr 192.0.2.0/24 accept"},
              {}},
        Story{"an IPv6 destination is nothing to IPv4",
              {Drop().To("2001:db8::1")},
              {},
              {"ip6 daddr 2001:db8::1/128 " + kReject6}},
        Story{"a bare protocol",
              {Accept().Tcp(), Accept().Udp(), Accept().Icmp()},
              {"meta l4proto 6 accept", "meta l4proto 17 accept", "meta l4proto 1 accept"},
              {"meta l4proto 6 accept", "meta l4proto 17 accept", "meta l4proto 58 accept"}},
        Story{"ports, one and many",
              {Accept().Tcp().Ports(443, 443), Accept().Udp().Ports(60000, 61000)},
              {"tcp dport 443 accept", "udp dport 60000-61000 accept"},
              {"tcp dport 443 accept", "udp dport 60000-61000 accept"}},
        Story{"ports without a protocol are those of both transports",
              {Accept().Ports(1, 2)},
              {"meta l4proto { 6, 17 } th dport 1-2 accept"},
              {"meta l4proto { 6, 17 } th dport 1-2 accept"}},
        Story{"ICMP types keep their number in IPv6",
              {Accept().Icmp().Type(8)},
              {"icmp type 8 accept"},
              {"icmpv6 type 8 accept"}},
        Story{"all of a rule at once",
              {Drop().To("198.51.100.7").Tcp().Ports(0, 65535)},
              {"ip daddr 198.51.100.7/32 tcp dport 0-65535 " + kReject4},
              {}}));

INSTANTIATE_TEST_SUITE_P(
    Dns, ChainStories,
    ::testing::Values(
        Story{"DNS, both transports",
              {Accept().Dns()},
              {"ip daddr @dns-addr meta l4proto { 6, 17 } th dport 53 accept"},
              {"ip6 daddr @dns-addr meta l4proto { 6, 17 } th dport 53 accept"}},
        Story{"DNS of one transport",
              {Accept().Dns().Udp(), Drop().Dns().Tcp()},
              {"ip daddr @dns-addr udp dport 53 accept",
               "ip daddr @dns-addr tcp dport 53 " + kReject4},
              {"ip6 daddr @dns-addr udp dport 53 accept",
               "ip6 daddr @dns-addr tcp dport 53 " + kReject6}},
        Story{"DNS at one server only, if that is one",
              {Accept().Dns().To("10.139.1.1")},
              {"ip daddr 10.139.1.1/32 ip daddr @dns-addr meta l4proto { 6, 17 } th dport 53 "
               "accept"},
              {}},
        Story{"ports that hold 53 are narrowed to it",
              {Accept().Dns().Tcp().Ports(1, 1023)},
              {"ip daddr @dns-addr tcp dport 53 accept"},
              {"ip6 daddr @dns-addr tcp dport 53 accept"}},
        Story{"other ports and ICMP are no DNS: matches nothing",
              {Accept().Dns().Tcp().Ports(54, 60), Accept().Dns().Icmp(),
               Accept().Dns().Udp().Ports(1, 52)},
              {},
              {}},
        Story{"DNS for one name is not the kernel's affair",
              {Accept().Dns().At("example.com")},
              {},
              {}}));

INSTANTIATE_TEST_SUITE_P(
    Hosts, ChainStories,
    ::testing::Values(
        Story{"neighbours share a set, where the first stands",
              {Accept().At("a.example"), Accept().At(".b.example"), Drop().To("192.0.2.1")},
              {S4(1, "accept"), "ip daddr 192.0.2.1/32 " + kReject4},
              {S6(1, "accept")}},
        Story{"service is part of the group",
              {Accept().At("a.example").Tcp().Ports(443, 443), Accept().At("*.b.example").Udp(),
               Accept().At("~c.*").Icmp().Type(8)},
              {S4(1, "tcp dport 443 accept"), S4(2, "meta l4proto 17 accept"),
               S4(3, "icmp type 8 accept")},
              {S6(1, "tcp dport 443 accept"), S6(2, "meta l4proto 17 accept"),
               S6(3, "icmpv6 type 8 accept")}},
        Story{"a drop between two accepts keeps its place",
              {Accept().At("a.example"), Drop().To("192.0.2.0/24"), Accept().At("b.example")},
              {S4(1, "accept"), "ip daddr 192.0.2.0/24 " + kReject4, S4(2, "accept")},
              {S6(1, "accept"), S6(2, "accept")}},
        Story{"a dropped pattern acts in DNS alone",
              {Drop().At(".ads.example"), Accept().At("a.example"), Drop().At("~x.*").Tcp(),
               Accept().At("b.example")},
              {S4(1, "accept")},
              {S6(1, "accept")}},
        Story{"a dropped name has a set of its own",
              {Accept().At("a.example"), Drop().At("ads.example"), Accept().At("b.example"),
               Accept()},
              {S4(1, "accept"), D4(2, kReject4), S4(3, "accept"), "accept"},
              {S6(1, "accept"), D6(2, kReject6), S6(3, "accept"), "accept"}},
        Story{"with ports too",
              {Drop().At("ads.example").Tcp().Ports(443, 443), Accept()},
              {D4(1, "tcp dport 443 " + kReject4), "accept"},
              {D6(1, "tcp dport 443 " + kReject6), "accept"}},
        Story{"until its addresses are known the chain ends there",
              {Accept().At("a.example"), Drop().At("ads.example"), Accept().At("b.example"),
               Accept()},
              {S4(1, "accept")},
              {S6(1, "accept")},
              1},
        Story{"until those of the second of two are, it drops the first's",
              {Drop().At("x.example"), Drop().At("y.example"), Accept()},
              {D4(1, kReject4)},
              {D6(1, kReject6)},
              1}));

TEST(ClientChain, DropSetsHoldWhatIsKnown) {
  ClientRules client =
      Client({Accept().At("a.example"), Drop().At("x.example"), Drop().At("y.example").Tcp()});
  client.drops = {{2, A("192.0.2.1"), "x.example"},
                  {2, A("2001:db8::1"), "x.example"},
                  {3, A("192.0.2.1"), "y.example"}};
  EXPECT_EQ(PinSetsOf(client, Family::kIpv4), Lines{"pin-10-137-0-25-1"});
  EXPECT_EQ(DropSetsOf(client, Family::kIpv4),
            (DropSets{{"drop-10-137-0-25-2", {client.drops[0]}},
                      {"drop-10-137-0-25-3", {client.drops[2]}}}));
  EXPECT_EQ(DropSetsOf(client, Family::kIpv6),
            (DropSets{{"drop-fd09-24ef-4179--a89-19-2", {client.drops[1]}},
                      {"drop-fd09-24ef-4179--a89-19-3", {}}}));
  client.addresses = {A("10.137.0.25")};
  EXPECT_TRUE(DropSetsOf(client, Family::kIpv6).empty());
}

// What matches a rule that drops is logged by one in front of it, which may match or not.
TEST(ClientChain, WhatIsRefusedIsLogged) {
  const ClientRules client =
      Client({Accept().At("a.example"), Drop().At("x.example"), Drop().To("192.0.2.1/32")});
  const std::string log =
      "limit rate 20/second burst 40 packets log prefix \"dnspin refused\" group 5353 snaplen 96";
  EXPECT_EQ(ChainRules(client, Family::kIpv4),
            (Lines{S4(1, "accept"), D4(2, log), D4(2, kReject4), "ip daddr 192.0.2.1/32 " + log,
                   "ip daddr 192.0.2.1/32 " + kReject4, log, kReject4}));
}

TEST(ClientChain, WhereTheKernelCannotLogNothingDoes) {
  ClientRules client = Client({Drop().At("x.example"), Drop().To("192.0.2.1/32")});
  client.logged = false;
  EXPECT_EQ(ChainRules(client, Family::kIpv4),
            (Lines{D4(1, kReject4), "ip daddr 192.0.2.1/32 " + kReject4, kReject4}));
  client.rules = TaughtRules({}, std::vector{Service{Protocol::kTcp, PortRange{443, 443}, {}}});
  client.groups = GroupsOf(client.rules, {});
  EXPECT_EQ(ChainRules(client, Family::kIpv4), (Lines{S4(1, "tcp dport 443 accept"), kReject4}));
}

TEST(ClientChain, SoManyRulesAreLoggedAndTheLast) {
  const Lines lines =
      ChainRules(Client(std::vector<R>(100, Drop().To("192.0.2.1/32"))), Family::kIpv4);
  const auto logs = std::count_if(lines.begin(), lines.end(), [](const std::string& line) {
    return absl::StrContains(line, " log ");
  });
  EXPECT_EQ(logs, 65);
  EXPECT_EQ(lines.size(), 100U + 65U + 1U);
}

TEST(ClientChain, WhatOneIsTaughtIsLogged) {
  const std::vector<Rule> rules =
      TaughtRules({}, std::vector{Service{Protocol::kTcp, PortRange{443, 443}, {}}});
  ClientRules client = Client({});
  client.rules = rules;
  client.groups = GroupsOf(rules, {});
  EXPECT_EQ(ChainRules(client, Family::kIpv4).front(),
            S4(1,
               "tcp dport 443 limit rate 20/second burst 40 packets log prefix "
               "\"dnspin accepted\" group 5353 snaplen 96"));
}

TEST(ClientChain, NamesOfChainsAndSets) {
  EXPECT_EQ(ChainName(A("10.137.0.25")), "qbs-10-137-0-25");
  EXPECT_EQ(ChainName(A("fd09:24ef:4179::a89:5")), "qbs-fd09-24ef-4179--a89-5");
  EXPECT_EQ(PinSetName(A("10.137.0.25"), 1), "pin-10-137-0-25-1");
  EXPECT_EQ(PinSetName(A("::1"), 12), "pin---1-12");
  EXPECT_EQ(DropSetName(A("::1"), 3), "drop---1-3");
}

TEST(ClientChain, ASetsNameReadsBack) {
  EXPECT_EQ(ReadPinSetName("pin-10-137-0-25-1"), (PinSetParts{"10-137-0-25", 1}));
  EXPECT_EQ(ReadPinSetName("pin-fd09--19-4000"), (PinSetParts{"fd09--19", 4000}));
  EXPECT_EQ(ReadPinSetName(PinSetName(A("fe80::1"), 7)),
            (PinSetParts{AddressLabel(A("fe80::1")), 7}));
  EXPECT_EQ(ReadDropSetName("drop-10-137-0-25-1"), (PinSetParts{"10-137-0-25", 1}));
  EXPECT_EQ(ReadDropSetName("pin-10-137-0-25-1"), std::nullopt);
  EXPECT_EQ(ReadPinSetName("drop-10-137-0-25-1"), std::nullopt);
  for (const char* bad : {"",
                          "pin",
                          "pin-",
                          "pin--",
                          "pin-1",
                          "pin-a-",
                          "pin-a-0",
                          "pin-a-x",
                          "pin-a-1x",
                          "pin-a-99999999999",
                          "qbs-a-1",
                          "xpin-a-1",
                          "pin-a-1",
                          "pin-malware-1",
                          "pin-bad-1",
                          "pin-10-137-0-1",
                          "pin-10-137-0-256-1",
                          "pin-fd09-0-0--19-1",
                          "pin-10.137.0.25-1",
                          "pin-10-137-0-25-01"}) {
    EXPECT_EQ(ReadPinSetName(bad), std::nullopt) << bad;
  }
}

TEST(ClientChain, AllAddressesUseTheSetsOfTheFirst) {
  ClientRules client = Client({Accept().At("a.example")});
  client.addresses = {A("fd09::2"), A("10.137.0.9"), A("10.137.0.8"), A("fd09::1")};
  EXPECT_EQ(PinSetsOf(client, Family::kIpv4), Lines{"pin-10-137-0-9-1"});
  EXPECT_EQ(PinSetsOf(client, Family::kIpv6), Lines{"pin-fd09--2-1"});
  EXPECT_EQ(ChainRules(client, Family::kIpv6).front(), "ip6 daddr @pin-fd09--2-1 accept");
  client.addresses = {A("10.137.0.9")};
  EXPECT_TRUE(PinSetsOf(client, Family::kIpv6).empty());
}

TEST(DigestText, SaysBehindWhichInterfaces) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(DigestText("1234", {}), "1234");
  EXPECT_EQ(DigestText("1234", Names{"vif4.0", "vif5.0"}), "1234 vif4.0 vif5.0");
  EXPECT_EQ(InterfacesOfDigest("1234"), Names());
  EXPECT_EQ(InterfacesOfDigest("1234 vif4.0 vif5.0"), (Names{"vif4.0", "vif5.0"}));
  EXPECT_LT(DigestText(std::string(16, 'f'), Names(9, "vif123456789.12")).size(), 128U);
}

}  // namespace
}  // namespace dnspin
