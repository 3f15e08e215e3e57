// Which rules decide about a packet, and about an address, for who asks.
#include "nft/deciding_rules.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <string>
#include <vector>

#include "tests/unit/terse_rule.h"

namespace dnspin {
namespace {

constexpr const char* kKnown = "203.0.113.7";  // of ads.test and more.test

LoggedPacket Tcp(const char* to, uint16_t port) {
  return {*Address::Parse("10.137.0.25"), *Address::Parse(to), IPPROTO_TCP, port, false};
}

ServedClient Client(const std::vector<std::string>& rules) {
  ServedClient client;
  client.policy.rules = TerseRules(rules);
  client.groups = GroupsOf(client.policy.rules, {});
  client.drops.Follow(client.policy.rules);
  for (const char* const name : {"ads.test", "more.test"}) {
    DropAddresses piece;
    piece.name = *Name::FromHost(name);
    piece.addresses = {*Address::Parse(kKnown)};
    client.drops.Take(piece);
  }
  return client;
}

struct Story {
  const char* name;
  std::vector<std::string> rules;
  LoggedPacket packet;
  std::optional<uint32_t> rule;
};

TEST(DecidingRules, NameWhatDropsAPacket) {
  const std::vector<Story> stories = {
      {"no rule at all", {}, Tcp("192.0.2.1", 80), {}},
      {"what drops the rest is nobody's fault", {"accept a.test", "drop"}, Tcp(kKnown, 80), {}},
      {"an address", {"accept a.test", "drop 192.0.2.0/24"}, Tcp("192.0.2.1", 80), 1},
      {"another address", {"drop 192.0.2.0/24", "drop"}, Tcp("198.51.100.1", 80), {}},
      {"a name's address", {"drop ads.test", "drop"}, Tcp(kKnown, 80), 0},
      {"the second of two names", {"drop other.test", "drop more.test"}, Tcp(kKnown, 80), 1},
      {"the first that has it", {"drop more.test", "drop ads.test"}, Tcp(kKnown, 80), 0},
      {"a name's address on another port", {"drop ads.test tcp 443"}, Tcp(kKnown, 80), {}},
      {"a service", {"accept 192.0.2.0/24", "drop tcp 25"}, Tcp("198.51.100.1", 25), 1},
      {"open by now", {"accept 192.0.2.0/24", "drop 192.0.2.1/32"}, Tcp("192.0.2.1", 80), {}},
  };
  for (const Story& story : stories) {
    SCOPED_TRACE(story.name);
    const ServedClient client = Client(story.rules);
    EXPECT_EQ(DecidingRules(client).DropOf(story.packet), story.rule);
  }
}

// Only those that are pinned count as open.
TEST(DecidingRules, APinIsAcceptedBeforeItsDrop) {
  ServedClient client = Client({"accept a.test", "drop 192.0.2.0/24"});
  EXPECT_EQ(DecidingRules(client).DropOf(Tcp("192.0.2.1", 80)), 1U);
  client.ledger.Adopt({1, *Address::Parse("192.0.2.1")},
                      {"a.test", *Name::FromHost("a.test"), BootTime(std::chrono::seconds(1))});
  EXPECT_EQ(DecidingRules(client).DropOf(Tcp("192.0.2.1", 80)), std::nullopt);
}

// Positions of rules, `+` accepts, `-` drops, in brackets what is never reached.
std::string On(const ServedClient& client, const char* address) {
  std::string text;
  for (const auto& one : DecidingRules(client).On(*Address::Parse(address))) {
    const bool accepts = client.policy.rules[one.rule].action == Action::kAccept;
    const std::string word = std::to_string(one.rule) + (accepts ? "+" : "-");
    text += (text.empty() ? "" : " ") + (one.reached ? word : "(" + word + ")");
  }
  return text;
}

TEST(DecidingRules, AreThoseOfTheAddressInOrder) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> stories = {
      {{}, ""},
      {{"accept a.test", "accept 192.0.2.0/24"}, ""},
      {{"accept"}, "0+"},
      {{"accept tcp 80", "drop"}, "0+ 1-"},
      {{"drop", "accept"}, "0-"},
      {{"drop 203.0.113.0/24 tcp 25", "accept 203.0.113.0/24 tcp 20-30", "accept"}, "0- 1+ 2+"},
      {{"drop 203.0.113.0/24 tcp", "accept 203.0.113.0/24 tcp 80", "accept udp"}, "0- (1+) 2+"},
      {{"drop ads.test tcp", "accept tcp 443", "accept dns"}, "0- (1+)"},
      {{"drop more.test", "accept"}, "0-"},
      {{"drop unknown.test", "accept"}, "(1+)"},
  };
  for (const auto& [rules, wanted] : stories) {
    ServedClient client = Client(rules);
    client.policy.closed_from =
        client.drops.ClosedFrom(client.policy.rules, std::vector{*Address::Parse("10.137.0.25")});
    EXPECT_EQ(On(client, kKnown), wanted) << testing::PrintToString(rules);
  }
}

TEST(DecidingRules, PinsAreAmongThem) {
  ServedClient client = Client({"accept a.test tcp 443", "accept 192.0.2.0/24 tcp 80"});
  client.policy.closed_from = 2;
  EXPECT_EQ(On(client, "192.0.2.1"), "1+");
  client.ledger.Adopt({1, *Address::Parse("192.0.2.1")},
                      {"a.test", *Name::FromHost("a.test"), BootTime(std::chrono::seconds(1))});
  EXPECT_EQ(On(client, "192.0.2.1"), "0+ 1+");
}

}  // namespace
}  // namespace dnspin
