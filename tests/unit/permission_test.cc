// Who may ask what, and what that pins (design.md 3).
#include "pinning/permission.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "pinning/drop_names.h"
#include "tests/unit/terse_rule.h"

namespace dnspin {
namespace {

using namespace std::string_literals;
using Rules = std::vector<std::string>;

constexpr auto kPinned = Standing::kPinned;
constexpr auto kAnswered = Standing::kAnswered;
constexpr auto kBlocked = Standing::kBlocked;
constexpr auto kNotReady = Standing::kNotReady;
constexpr auto kProhibited = Standing::kProhibited;
constexpr auto kUdp = Transport::kUdp;
constexpr auto kTcp = Transport::kTcp;

Name N(const std::string& host) { return *Name::FromHost(host); }

// In a netvm the client's server is one of two addresses, and a redirected datagram does not say
// which.
Policy PolicyOf(const Rules& rules) {
  Policy policy;
  policy.rules = TerseRules(rules);
  policy.intercept = {*Address::Parse("10.139.1.1"), *Address::Parse("10.139.1.2")};
  policy.closed_from = DropNames().ClosedFrom(policy.rules, policy.intercept);  // nothing is known
  return policy;
}

struct Story {
  std::string what;
  Rules rules;
  std::string asked;
  Standing standing;
  uint32_t rule = 0;
  Positions pinned = {};
};

void Expect(const Story& story, const Name& asked, Transport transport = Transport::kUdp) {
  SCOPED_TRACE(story.what);
  const Permission permission =
      Permissions(PolicyOf(story.rules)).Judge(asked, transport, std::nullopt);
  EXPECT_EQ(permission.standing, story.standing);
  EXPECT_EQ(permission.rule, story.rule);
  EXPECT_EQ(permission.pinned, story.pinned);
}

const std::vector<Story> kNameStories = {
    {"no rule is no permission", {}, "a.test", kProhibited},
    {"a listed name", {"accept a.test"}, "a.test", kPinned, 0, {0}},
    {"any other name", {"accept a.test"}, "b.test", kProhibited},
    {"a look-alike of a zone", {"accept .cdn.test"}, "evilcdn.test", kProhibited},
    {"the apex of a star", {"accept *.cdn.test"}, "cdn.test", kProhibited},
    {"ports of the rule do not limit the asking",
     {"accept a.test tcp 443"},
     "a.test",
     kPinned,
     0,
     {0}},
    {"all rules that list it",
     {"accept a.test tcp 443", "accept icmp", "accept .test udp 443", "accept ~a.* tcp 22"},
     "a.test",
     kPinned,
     0,
     {0, 2, 3}},
    {"a plain drop is about packets, not names",
     {"drop 0.0.0.0/0", "accept a.test"},
     "a.test",
     kPinned,
     1,
     {1}},
    {"for DNS alone", {"accept a.test dns"}, "a.test", kAnswered, 0},
    {"for DNS alone, and pinned by another",
     {"accept a.test dns", "accept .test"},
     "a.test",
     kPinned,
     0,
     {1}},
    {"the GUI's usual end",
     {"accept a.test tcp 443", "accept dns", "accept icmp", "drop"},
     "b.test",
     kAnswered,
     1},
    {"a listed name there",
     {"accept a.test tcp 443", "accept dns", "accept icmp", "drop"},
     "a.test",
     kPinned,
     0,
     {0}},
    {"an empty firewall of Qubes: accept everything", {"accept"}, "a.test", kAnswered, 0},

    // Drops by name, before and after.
    {"a dropped name", {"drop a.test", "accept dns"}, "a.test", kBlocked, 0},
    {"a dropped name that nothing would allow", {"drop a.test"}, "a.test", kBlocked, 0},
    {"a dropped name and another that is asked",
     {"drop ads.test", "accept dns"},
     "b.test",
     kAnswered,
     1},
    {"a drop behind the accept is too late",
     {"accept a.test", "drop a.test"},
     "a.test",
     kPinned,
     0,
     {0}},
    {"a drop behind the opening of DNS is too late",
     {"accept dns", "drop .ads.test"},
     "x.ads.test",
     kAnswered,
     0},
    {"but nothing behind it is pinned",
     {"accept dns", "drop .ads.test", "accept .test"},
     "x.ads.test",
     kAnswered,
     0},
    {"a neighbour is", {"accept dns", "drop .ads.test", "accept .test"}, "x.test", kPinned, 0, {2}},
    {"accepts before the drop are pinned, those behind are not",
     {"accept x.ads.test tcp 80", "drop .ads.test", "accept .test"},
     "x.ads.test",
     kPinned,
     0,
     {0}},
    {"a hole in a dropped zone",
     {"accept ok.ads.test", "drop .ads.test", "accept dns"},
     "ok.ads.test",
     kPinned,
     0,
     {0}},
    {"the rest of that zone",
     {"accept ok.ads.test", "drop .ads.test", "accept dns"},
     "no.ads.test",
     kBlocked,
     1},
    {"a dropped regex", {"drop ~.*\\.ads\\..*", "accept dns"}, "x.ads.test", kBlocked, 0},
    {"a dropped name, for DNS alone", {"drop a.test dns", "accept dns"}, "a.test", kBlocked, 0},
    {"a drop with a port is about packets",
     {"drop .ads.test tcp 80", "accept dns"},
     "x.ads.test",
     kAnswered,
     1},
    {"a drop on DNS does not unlist a name",
     {"drop dns", "accept a.test"},
     "a.test",
     kPinned,
     1,
     {1}},
    {"and closes it for all others",
     {"drop dns", "accept", "accept a.test"},
     "b.test",
     kProhibited},

    // Until the addresses of a dropped name are known, the chain ends there.
    {"behind a dropped exact name nothing is pinned yet",
     {"drop ads.test", "accept a.test"},
     "a.test",
     kNotReady,
     1,
     {1}},
    {"nor behind one with a port",
     {"drop ads.test tcp 80", "accept a.test"},
     "a.test",
     kNotReady,
     1,
     {1}},
    {"that name itself", {"drop a.test tcp 80", "accept a.test"}, "a.test", kNotReady, 1, {1}},
    {"before it all is as ever; what stands behind is ready for when it opens",
     {"accept a.test", "drop ads.test", "accept .test"},
     "a.test",
     kPinned,
     0,
     {0, 2}},
    {"names that are not pinned can be asked",
     {"drop ads.test", "accept dns", "accept b.test"},
     "a.test",
     kAnswered,
     1},
    {"a dropped pattern does not end the chain",
     {"drop .ads.test", "accept a.test"},
     "a.test",
     kPinned,
     1,
     {1}},
    {"nor does one for DNS alone",
     {"drop ads.test dns", "accept a.test"},
     "a.test",
     kPinned,
     1,
     {1}},
};

TEST(Permissions, NamesAreJudgedByTheFirstRuleThatMatches) {
  for (const Story& story : kNameStories) {
    Expect(story, N(story.asked));
  }
}

TEST(Permissions, BehindADropWhoseAddressesAreKnownAllIsPinned) {
  Policy policy =
      PolicyOf({"drop ads.test", "accept a.test", "drop b.test tcp 80", "accept b.test"});
  policy.closed_from = 2;
  const auto standing = [&](const char* name) {
    return Permissions(policy).Judge(N(name), kUdp, std::nullopt).standing;
  };
  EXPECT_EQ(standing("a.test"), kPinned);
  EXPECT_EQ(standing("b.test"), kNotReady);
  EXPECT_EQ(standing("ads.test"), kBlocked);
  policy.closed_from = 4;
  EXPECT_EQ(standing("b.test"), kPinned);
}

// Only names of letters, digits, hyphens and underscores are pinned; others can be refused.
TEST(Permissions, OddNamesAreNeverPinned) {
  const std::vector<std::pair<Name, std::string>> odd = {
      {*Name::FromWire("\3a\0b\3cdn\4test\0"s), "a zero octet"},
      {*Name::FromWire("\3a b\3cdn\4test\0"s), "a blank"},
      {*Name::FromWire("\3a.b\3cdn\4test\0"s), "a dot inside a label"},
      {*Name::FromWire("\1*\3cdn\4test\0"s), "a star"},
      {*Name::FromWire("\2\xC3\xBC\3cdn\4test\0"s), "UTF-8"},
  };
  for (const auto& [name, what] : odd) {
    SCOPED_TRACE(what);
    Expect({"a zone", {"accept .cdn.test"}, "", kProhibited}, name);
    Expect({"a star", {"accept *.cdn.test"}, "", kProhibited}, name);
    Expect({"a regex", {"accept ~.*"}, "", kProhibited}, name);
    Expect({"DNS is open", {"accept .cdn.test", "accept dns"}, "", kAnswered, 1}, name);
    Expect({"for DNS alone", {"accept .cdn.test dns"}, "", kProhibited}, name);
    Expect({"dropped", {"drop .cdn.test", "accept dns"}, "", kBlocked, 0}, name);
  }
  Expect({"the root", {"accept ~.*", "accept dns"}, "", kAnswered, 1}, Name());
}

TEST(Permissions, NamesOnTheLineageAreRefusedByWhatStandsBefore) {
  const Permissions permissions(PolicyOf({"drop .evil.test", "accept dns", "drop ~tracker.*",
                                          "drop ads.test tcp 80", "drop x.test dns"}));
  struct LineageStory {
    std::string name;
    uint32_t rule;
    bool refused;
  };
  const std::vector<LineageStory> stories = {
      {"a.evil.test", 1, true},   {"evil.test", 1, true},     {"a.evil.test", 0, false},
      {"notevil.test", 5, false}, {"tracker.test", 1, false}, {"tracker.test", 2, false},
      {"tracker.test", 3, true},  {"ads.test", 5, false},     {"x.test", 4, false},
      {"x.test", 5, true},
  };
  for (const LineageStory& story : stories) {
    EXPECT_EQ(permissions.Refuses(N(story.name), story.rule), story.refused)
        << story.name << " before " << story.rule;
  }
  EXPECT_TRUE(permissions.Refuses(*Name::FromWire("\3a\0b\4evil\4test\0"s), 1));
}

TEST(Permissions, AddressesThatTheRulesSpellAreReached) {
  struct ReachStory {
    std::string what;
    Rules rules;
    std::string address;
    bool reached;
  };
  const std::vector<ReachStory> stories = {
      {"no rule", {}, "10.0.0.1", false},
      {"it is spelled", {"accept 10.0.0.0/8"}, "10.0.0.1", true},
      {"it is not", {"accept 10.0.0.0/8"}, "192.168.0.1", false},
      {"for one service", {"accept 10.0.0.1/32 tcp 22"}, "10.0.0.1", true},
      {"everything", {"accept"}, "10.0.0.1", true},
      {"dropped before", {"drop 10.0.0.1/32", "accept 10.0.0.0/8"}, "10.0.0.1", false},
      {"one service dropped before",
       {"drop 10.0.0.1/32 tcp 22", "accept 10.0.0.0/8"},
       "10.0.0.1",
       true},
      {"dropped behind", {"accept 10.0.0.0/8", "drop"}, "10.0.0.1", true},
      {"a name does not spell an address", {"accept a.test"}, "10.0.0.1", false},
      {"nor does specialtarget=dns", {"accept dns"}, "10.0.0.1", false},
      {"nor a file of addresses, which has none that is private",
       {"accept @10.0.0.0/8"},
       "10.0.0.1",
       false},
      {"IPv6", {"accept fd00::/8"}, "fd00::1", true},
  };
  for (const ReachStory& story : stories) {
    EXPECT_EQ(Permissions(PolicyOf(story.rules)).Reaches(*Address::Parse(story.address)),
              story.reached)
        << story.what;
  }
}

TEST(Permissions, RebindingIsLiftedForTheNamesThatAreListed) {
  Policy policy = PolicyOf({"accept .test"});
  EXPECT_FALSE(Permissions(policy).MayRebind(N("nas.home.test")));
  policy.rebind_ok = {TersePattern("*.home.test")};
  EXPECT_TRUE(Permissions(policy).MayRebind(N("nas.home.test")));
  EXPECT_FALSE(Permissions(policy).MayRebind(N("home.test")));
  EXPECT_FALSE(Permissions(policy).MayRebind(N("evilhome.test")));
  EXPECT_TRUE(Permissions(policy).MayPinPrivate(N("nas.home.test")));
  policy.rebind_ok = {TersePattern(".lan")};
  EXPECT_TRUE(Permissions(policy).MayRebind(N("nas.lan")));
  EXPECT_FALSE(Permissions(policy).MayPinPrivate(N("nas.lan"))) << "no rule lists it";
}

// Any rules. dnspind judges a request anew without knowing how the question came, so what is pinned
// must not depend on that; and what is pinned is always listed, before any drop of the name.
TEST(Permissions, WhatIsPinnedIsListedHoweverItWasAsked) {
  const Rules kinds = {
      "accept a.test",      "accept .test tcp 443", "accept *.b.test",    "accept ~a.*",
      "drop a.test",        "drop .b.test",         "drop ~.*x.*",        "accept dns",
      "accept b.test dns",  "accept udp 53",        "accept tcp",         "drop udp",
      "drop 10.139.1.1/32", "accept 10.139.1.0/24", "drop c.test tcp 80", "drop a.test dns"};
  const std::vector<std::string> names = {"a.test", "b.test", "x.b.test", "ax.org", "c.test"};
  std::mt19937 random(11);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  size_t pinned = 0;
  for (int round = 0; round < 500; ++round) {
    Rules lines;
    for (size_t i = 1 + below(8); i > 0; --i) {
      lines.push_back(kinds[below(kinds.size())]);
    }
    const Policy policy = PolicyOf(lines);
    const Permissions permissions(policy);
    for (const std::string& text : names) {
      const Name asked = N(text);
      const Permission first = permissions.Judge(asked, kTcp, std::nullopt);
      for (const auto transport : {kUdp, kTcp}) {
        for (const char* to : {"10.139.1.1", "10.139.1.2", "8.8.8.8", "::1"}) {
          ASSERT_EQ(permissions.Judge(asked, transport, Address::Parse(to)).pinned, first.pinned);
        }
      }
      ASSERT_EQ(first.standing == kPinned,
                !first.pinned.empty() && first.pinned.front() <= policy.closed_from);
      ASSERT_TRUE(std::is_sorted(first.pinned.begin(), first.pinned.end()));
      for (const uint32_t position : first.pinned) {
        const Rule& rule = policy.rules[position];
        ASSERT_TRUE(rule.PinsNames() && IndexPatterns({&*rule.host, 1}).Matches(asked));
        ASSERT_FALSE(permissions.Refuses(asked, position));
        ++pinned;
      }
    }
  }
  EXPECT_GT(pinned, 300U);
}

}  // namespace
}  // namespace dnspin
