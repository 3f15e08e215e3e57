#include "pinning/chain_walk.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <set>
#include <string>
#include <vector>

#include "tests/unit/terse_rule.h"

namespace dnspin {
namespace {

Address A(const char* text) { return *Address::Parse(text); }

struct Story {
  const char* name;
  std::vector<Rule> rules;
  std::set<uint32_t> holding;  // groups whose sets hold the destination
  Packet packet;
  bool accepted;
};

Packet Tcp(const char* to, uint16_t port) { return {A(to), IPPROTO_TCP, port, 0}; }
Packet Udp(const char* to, uint16_t port) { return {A(to), IPPROTO_UDP, port, 0}; }
Packet Ping(const char* to, uint8_t type) { return {A(to), IPPROTO_ICMP, 0, type}; }

TEST(ChainWalk, IsWhatTheKernelsChainWouldSay) {
  const auto rules = [](const std::vector<std::string>& lines) { return TerseRules(lines); };
  const std::vector<Story> stories = {
      {"nothing is accepted by no rules", {}, {}, Tcp("192.0.2.1", 80), false},
      {"a pinned address", rules({"accept a.test"}), {1}, Tcp("192.0.2.1", 80), true},
      {"one that is not", rules({"accept a.test"}), {}, Tcp("192.0.2.1", 80), false},
      {"its port", rules({"accept a.test tcp 443"}), {1}, Tcp("192.0.2.1", 443), true},
      {"another port", rules({"accept a.test tcp 443"}), {1}, Tcp("192.0.2.1", 80), false},
      {"another protocol", rules({"accept a.test tcp 443"}), {1}, Udp("192.0.2.1", 443), false},
      {"ports without a protocol",
       rules({"accept 192.0.2.0/24 53-80"}),
       {},
       Udp("192.0.2.1", 80),
       true},
      {"an address in a list",
       rules({"accept @198.51.100.0/24,192.0.2.0/25 tcp 443"}),
       {},
       Tcp("192.0.2.127", 443),
       true},
      {"another port of it",
       rules({"accept @198.51.100.0/24,192.0.2.0/25 tcp 443"}),
       {},
       Tcp("192.0.2.127", 80),
       false},
      {"an address beside the list",
       rules({"accept @198.51.100.0/24,192.0.2.0/25 tcp 443"}),
       {},
       Tcp("192.0.2.128", 443),
       false},
      {"a list of nothing", rules({"accept @ tcp 443"}), {}, Tcp("192.0.2.1", 443), false},
      {"a list in IPv6",
       rules({"accept @2001:db8::/48 tcp 443"}),
       {},
       Tcp("2001:db8::7", 443),
       true},
      {"are TCP's and UDP's", rules({"accept 192.0.2.0/24 0-80"}), {}, Ping("192.0.2.1", 8), false},
      {"the second group",
       rules({"accept a.test tcp 1", "accept b.test tcp 80"}),
       {2},
       Tcp("192.0.2.1", 80),
       true},
      {"the first rule decides",
       rules({"drop 192.0.2.1/32", "accept a.test"}),
       {1},
       Tcp("192.0.2.1", 80),
       false},
      {"and not a later one",
       rules({"accept a.test", "drop 192.0.2.1/32"}),
       {1},
       Tcp("192.0.2.1", 80),
       true},
      {"a dropped pattern acts in DNS alone",
       rules({"drop .b.test", "accept a.test"}),
       {1},
       Tcp("192.0.2.1", 80),
       true},
      {"a dropped name whose set does not hold it",
       rules({"drop b.test", "accept a.test"}),
       {2},
       Tcp("192.0.2.1", 80),
       true},
      {"and does", rules({"drop b.test", "accept a.test"}), {1, 2}, Tcp("192.0.2.1", 80), false},
      {"on another port",
       rules({"drop b.test tcp 443", "accept a.test"}),
       {1, 2},
       Tcp("192.0.2.1", 80),
       true},
      {"ICMP of its type", rules({"accept icmp 8"}), {}, Ping("192.0.2.1", 8), true},
      {"of another", rules({"accept icmp 8"}), {}, Ping("192.0.2.1", 0), false},
      {"IPv4's ICMP over IPv6 is nobody's",
       rules({"accept icmp"}),
       {},
       Ping("2001:db8::1", 8),
       false},
      {"other protocols", rules({"accept 192.0.2.1/32"}), {}, {A("192.0.2.1"), 47, 0, 0}, true},
      {"DNS to its server", rules({"accept dns"}), {}, Udp("9.9.9.9", 53), true},
      {"to another", rules({"accept dns"}), {}, Udp("8.8.8.8", 53), false},
      {"to another port", rules({"accept dns"}), {}, Tcp("9.9.9.9", 80), false},
      {"the other family", rules({"accept 2001:db8::/32"}), {}, Tcp("2001:db8::1", 80), true},
  };
  const std::vector<Address> servers = {A("9.9.9.9")};
  for (const Story& story : stories) {
    const auto groups = GroupsOf(story.rules, {});
    EXPECT_EQ(
        ChainWalk(story.rules, groups, servers)
            .Accepts(story.packet,
                     [&](const PinGroup& group) { return story.holding.contains(group.number); }),
        story.accepted)
        << story.name;
  }
}

}  // namespace
}  // namespace dnspin
