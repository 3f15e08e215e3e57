#include "config/qubesdb_rules.h"

#include <gtest/gtest.h>

namespace dnspin {
namespace {

using qubesdb::Target;

TEST(QubesdbRules, AreThoseThatDom0Writes) {
  const TargetRules read =
      ReadTarget("10.137.0.25",
                 Target{{"policy", "drop"},
                        {"0000", "action=accept dst4=8.8.8.8/32 proto=udp dstports=53-53"},
                        {"0003", "action=accept dsthost=.example.com proto=tcp dstports=443-443"},
                        {"0007", "action=accept specialtarget=dns"},
                        {"0008", "action=drop proto=icmp icmptype=8"},
                        {"9999", "action=accept"}});
  EXPECT_TRUE(read.diagnostics.empty());
  EXPECT_EQ(read.policy, Action::kDrop);
  ASSERT_EQ(read.rules.size(), 5U);
  EXPECT_EQ(read.rules.at(0).Text(), "action=accept dst4=8.8.8.8/32 proto=udp dstports=53-53");
  EXPECT_EQ(read.rules.at(3).Text(),
            "action=accept dsthost=.example.com proto=tcp dstports=443-443");
  EXPECT_EQ(read.rules.at(7).Text(), "action=accept specialtarget=dns");
  EXPECT_EQ(read.rules.at(8).Text(), "action=drop proto=icmp icmptype=8");
  EXPECT_EQ(read.rules.at(9999).origin.Text(), "/qubes-firewall/10.137.0.25/9999");
}

TEST(QubesdbRules, TheOrderOfOptionsIsNoMatter) {
  const TargetRules read = ReadTarget(
      "a",
      Target{{"policy", "accept"}, {"0000", "dstports=443 proto=tcp dst4=1.2.3.4 action=drop"}});
  EXPECT_EQ(read.policy, Action::kAccept);
  EXPECT_EQ(read.rules.at(0).Text(), "action=drop dst4=1.2.3.4/32 proto=tcp dstports=443-443");
}

TEST(QubesdbRules, WhatIsNoRuleBreaksTheTarget) {
  const struct {
    const char* story;
    Target target;
    const char* said;
  } rows[] = {
      {"nothing at all", {}, "there is no policy"},
      {"no policy", {{"0000", "action=accept"}}, "there is no policy"},
      {"a policy that is none", {{"policy", "reject"}}, "a policy is accept or drop, not"},
      {"an empty policy", {{"policy", ""}}, "a policy is accept or drop, not"},
      {"an entry of another name",
       {{"policy", "drop"}, {"0x00", "action=accept"}},
       "neither the policy nor a rule"},
      {"a fifth digit", {{"policy", "drop"}, {"10000", "action=accept"}}, "neither the policy"},
      {"an empty rule", {{"policy", "drop"}, {"0000", ""}}, "no rule at all"},
      {"an unknown option",
       {{"policy", "drop"}, {"0000", "action=accept dpi=http"}},
       "no option of a rule of dom0's"},
      {"an option that stays in dom0",
       {{"policy", "drop"}, {"0000", "action=accept expire=1"}},
       "no option"},
      {"a word", {{"policy", "drop"}, {"0000", "accept example.com"}}, "no option"},
      {"DNS by ICMP",
       {{"policy", "drop"}, {"0000", "action=accept proto=icmp specialtarget=dns"}},
       "DNS is no ICMP"},
      {"a destination of the other family",
       {{"policy", "drop"}, {"0000", "action=accept dst6=2001:db8::1/128"}},
       "a destination of the other family"},
      {"a duplicate", {{"policy", "drop"}, {"0000", "action=accept action=drop"}}, ""},
      {"two destinations",
       {{"policy", "drop"}, {"0000", "action=accept dst4=1.2.3.4 dsthost=a.test"}},
       ""},
      {"no action", {{"policy", "drop"}, {"0000", "proto=tcp"}}, "needs an action"},
      {"ports without a protocol",
       {{"policy", "drop"}, {"0000", "action=accept dstports=443"}},
       "ports go with proto tcp or udp only"},
      {"a bad port",
       {{"policy", "drop"}, {"0000", "action=accept proto=tcp dstports=65536"}},
       "neither a port"},
      {"a bad address", {{"policy", "drop"}, {"0000", "action=accept dst4=1.2.3.4/33"}}, ""},
      {"a dropped name that no host has",
       {{"policy", "drop"}, {"0000", "action=drop dsthost=a..b"}},
       ""},
      {"a dropped pattern with a port",
       {{"policy", "drop"}, {"0000", "action=drop dsthost=.a.test proto=tcp dstports=1-2"}},
       "acts in DNS only"},
  };
  for (const auto& row : rows) {
    const TargetRules read = ReadTarget("10.0.0.1", row.target);
    ASSERT_TRUE(read.broken()) << row.story;
    EXPECT_NE(read.diagnostics[0].Text().find(row.said), std::string::npos)
        << row.story << ": " << read.diagnostics[0].Text();
    EXPECT_EQ(read.diagnostics[0].Text().find("/qubes-firewall/10.0.0.1"), 0U) << row.story;
  }
}

TEST(QubesdbRules, WhatCanMatchNothingTakesNothingElseDown) {
  for (const char* line :
       {"action=accept dsthost=.com", "action=accept dsthost=.co.uk proto=tcp dstports=443-443",
        "action=accept dsthost=a..b", "action=accept dsthost=*",
        "action=accept dsthost=", "action=accept specialtarget=dns proto=tcp dstports=443-443",
        "action=accept specialtarget=dns proto=udp dstports=53-54",
        "action=drop specialtarget=dns proto=udp dstports=80-80",
        "action=drop specialtarget=dns proto=udp dstports=52-53"}) {
    const TargetRules read = ReadTarget(
        "10.0.0.1", Target{{"policy", "drop"}, {"0000", line}, {"0001", "action=accept"}});
    EXPECT_FALSE(read.broken()) << line << ": " << read.diagnostics[0].Text();
    ASSERT_FALSE(read.diagnostics.empty()) << line;
    EXPECT_NE(read.diagnostics[0].Text().find("this rule matches nothing"), std::string::npos)
        << read.diagnostics[0].Text();
    EXPECT_EQ(read.rules.size(), 1U) << line;
    EXPECT_TRUE(read.rules.contains(1)) << line;
  }
}

TEST(QubesdbRules, AHostAndTheDnsTargetTogetherSpeakOfDnsAlone) {
  const TargetRules read =
      ReadTarget("10.0.0.1", Target{{"policy", "drop"},
                                    {"0000", "action=accept dsthost=a.test specialtarget=dns"},
                                    {"0001", "action=drop dsthost=b.test specialtarget=dns"}});
  EXPECT_FALSE(read.broken());
  ASSERT_EQ(read.rules.size(), 2U);
  EXPECT_FALSE(read.rules.at(0).PinsNames());
  EXPECT_TRUE(read.rules.at(1).RefusesNames());
}

}  // namespace
}  // namespace dnspin
