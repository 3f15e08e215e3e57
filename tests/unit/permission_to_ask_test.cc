// Which names may be asked that no rule lists: those whose packet the rules would let out
// (design.md 3).
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "pinning/permission.h"
#include "tests/unit/terse_rule.h"

namespace dnspin {
namespace {

using Rules = std::vector<std::string>;

constexpr auto kUdp = Transport::kUdp;
constexpr auto kTcp = Transport::kTcp;
constexpr auto kAnswered = Standing::kAnswered;
constexpr auto kProhibited = Standing::kProhibited;

Name N(const std::string& host) { return *Name::FromHost(host); }

// In a netvm the client's server is one of two addresses, and a redirected datagram does not say
// which.
Policy PolicyOf(const Rules& rules) {
  Policy policy;
  policy.rules = TerseRules(rules);
  policy.intercept = {*Address::Parse("10.139.1.1"), *Address::Parse("10.139.1.2")};
  return policy;
}

struct WayStory {
  std::string what;
  Rules rules;
  Transport transport;
  std::optional<std::string> destination;
  std::optional<uint32_t> rule;  // nothing: prohibited
};

constexpr auto kUnknown = std::nullopt;

// Whether the rules would let the question's packet out.
const std::vector<WayStory> kWayStories = {
    {"DNS by UDP", {"accept udp 53"}, kUdp, kUnknown, 0},
    {"permission for UDP includes TCP", {"accept udp 53"}, kTcp, kUnknown, 0},
    {"that for TCP does not include UDP", {"accept tcp 53"}, kUdp, kUnknown, {}},
    {"DNS by TCP", {"accept tcp 53"}, kTcp, kUnknown, 0},
    {"TCP dropped, UDP allowed", {"drop tcp 53", "accept udp 53"}, kTcp, kUnknown, 1},
    {"UDP dropped, TCP allowed", {"drop udp 53", "accept tcp 53"}, kUdp, kUnknown, {}},
    {"a range of ports", {"accept udp 50-60"}, kUdp, kUnknown, 0},
    {"ports below", {"accept udp 1-52"}, kUdp, kUnknown, {}},
    {"ports above", {"accept udp 54-65535"}, kUdp, kUnknown, {}},
    {"any port", {"accept udp"}, kUdp, kUnknown, 0},
    {"pings", {"accept icmp"}, kUdp, kUnknown, {}},
    {"the first match wins", {"drop udp 53", "accept"}, kUdp, kUnknown, {}},
    {"a drop of other ports is no match", {"drop udp 54", "accept"}, kUdp, kUnknown, 1},
    {"rules with a host are about the host", {"accept resolver.test udp 53"}, kUdp, kUnknown, {}},
    {"dropped ones too", {"drop resolver.test udp 53", "accept"}, kUdp, kUnknown, 1},
    {"specialtarget=dns", {"accept dns"}, kUdp, kUnknown, 0},
    {"it, by TCP alone", {"accept dns tcp"}, kUdp, kUnknown, {}},

    {"an accepted address is where it went", {"accept 9.9.9.9/32"}, kUdp, "9.9.9.9", 0},
    {"an accepted address is where it did not go", {"accept 9.9.9.9/32"}, kUdp, "8.8.8.8", {}},
    {"a dropped address", {"drop 8.8.8.0/24", "accept"}, kUdp, "8.8.8.8", {}},
    {"another address is dropped", {"drop 8.8.8.0/24", "accept"}, kUdp, "9.9.9.9", 1},
    {"an IPv6 server and an IPv4 rule", {"accept 0.0.0.0/0"}, kUdp, "2620:fe::fe", {}},
    {"an IPv6 server", {"accept 2620:fe::/48"}, kUdp, "2620:fe::fe", 0},
    {"a server in a file of addresses", {"accept @9.9.9.0/24"}, kUdp, "9.9.9.9", {}},
    {"one that another rule lets", {"accept @9.9.9.0/24", "accept"}, kUdp, "9.9.9.9", 1},

    // Not known: it must be free to reach each of the two that are intercepted.
    {"both", {"accept 10.139.1.0/24 udp 53"}, kUdp, kUnknown, 0},
    {"one by each rule", {"accept 10.139.1.1/32", "accept 10.139.1.2/32"}, kUdp, kUnknown, 1},
    {"only one", {"accept 10.139.1.1/32 udp 53"}, kUdp, kUnknown, {}},
    {"the other one is dropped", {"drop 10.139.1.2/32", "accept"}, kUdp, kUnknown, {}},
    {"neither is dropped", {"drop 10.139.2.0/24", "accept"}, kUdp, kUnknown, 1},
};

TEST(PermissionToAsk, OtherNamesMayBeAskedWhereTheirPacketsMayGo) {
  for (const WayStory& story : kWayStories) {
    SCOPED_TRACE(story.what);
    std::optional<Address> destination;
    if (story.destination) {
      destination = Address::Parse(*story.destination);
    }
    const Permission permission =
        Permissions(PolicyOf(story.rules)).Judge(N("other.test"), story.transport, destination);
    EXPECT_EQ(permission.standing, story.rule ? kAnswered : kProhibited);
    EXPECT_EQ(permission.rule, story.rule.value_or(0));
    EXPECT_TRUE(permission.pinned.empty());
  }
}

// Where every server is intercepted, or none is known, an address says nothing for a question and
// everything against it.
TEST(PermissionToAsk, AnUnknownDestinationIsReadTheClosedWay) {
  struct ClosedStory {
    Rules rules;
    bool open;
    bool open_to_one;  // to 10.139.1.1, where that is known
  };
  const std::vector<ClosedStory> stories = {
      {{"accept"}, true, true},
      {{"accept udp 53"}, true, true},
      {{"accept dns"}, true, true},
      {{"accept 0.0.0.0/0", "accept ::/0"}, false, true},
      {{"accept 10.139.1.0/24"}, false, true},
      {{"accept 10.139.2.0/24"}, false, false},
      {{"drop 192.0.2.1/32", "accept"}, false, true},
      {{"drop 192.0.2.1/32 tcp", "accept"}, true, true},
      {{"drop 10.139.1.1/32", "accept"}, false, false},
      {{"accept 10.139.1.0/24", "drop 10.0.0.0/8", "accept"}, false, true},
  };
  for (const ClosedStory& story : stories) {
    for (const bool any : {true, false}) {
      SCOPED_TRACE(story.rules.front() + (any ? ", any" : ", none"));
      Policy policy = PolicyOf(story.rules);
      policy.intercept_any = any;
      if (!any) {
        policy.intercept.clear();
      }
      const Permissions permissions(policy);
      EXPECT_EQ(permissions.Judge(N("other.test"), kUdp, std::nullopt).standing,
                story.open ? kAnswered : kProhibited);
      EXPECT_EQ(permissions.Judge(N("other.test"), kUdp, Address::Parse("10.139.1.1")).standing,
                story.open_to_one ? kAnswered : kProhibited);
    }
  }
}

// In a netvm the packet would have gone on to an upstream, and rules may speak of that.
TEST(PermissionToAsk, WhereUpstreamsAreReachedThatIsAWayToo) {
  struct UpstreamStory {
    Rules rules;
    bool by_address;  // only because an upstream has it
    bool open;
  };
  const std::vector<UpstreamStory> stories = {
      {{"accept 9.9.9.9/32 udp 53"}, true, true},
      {{"accept 9.9.9.9/32 udp 5353"}, true, false},
      {{"accept 8.8.8.8/32"}, true, false},
      {{"drop 10.139.1.1/32", "accept"}, true, true},
      {{"drop 9.9.9.9/32", "accept"}, false, true},
      {{"drop 9.9.9.9/32", "drop 10.139.1.1/32", "accept"}, true, false},
  };
  for (const UpstreamStory& story : stories) {
    SCOPED_TRACE(story.rules.front());
    Policy policy = PolicyOf(story.rules);
    policy.upstreams = {{*Endpoint::Parse("9.9.9.9"), "eth0"}};
    for (const bool reaches : {false, true}) {
      policy.reaches_upstreams = reaches;
      const Permissions permissions(policy);
      const bool open = story.open && (reaches || !story.by_address);
      for (const auto& destination : {std::optional<Address>(), Address::Parse("10.139.1.1")}) {
        EXPECT_EQ(permissions.Judge(N("other.test"), kUdp, destination).standing,
                  open ? kAnswered : kProhibited);
      }
    }
  }
}

}  // namespace
}  // namespace dnspin
