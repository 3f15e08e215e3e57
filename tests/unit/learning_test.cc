// The rules of a client that is taught, and how they become its own again.
#include "nft/learning.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace dnspin {
namespace {

using std::chrono::seconds;

constexpr BootTime kNow{seconds(1000)};
const Service kHttps{Protocol::kTcp, PortRange{443, 443}, {}};
const Service kHttp{Protocol::kTcp, PortRange{80, 80}, {}};

Rule Of(Action action, const std::string& host = "", const std::string& destination = "") {
  Rule rule;
  rule.action = action;
  if (!host.empty()) {
    rule.host = HostPattern::FromText(host);
  }
  if (!destination.empty()) {
    rule.destination = Prefix::Parse(destination);
  }
  return rule;
}

std::vector<std::string> Texts(const std::vector<Rule>& rules) {
  std::vector<std::string> texts;
  for (const Rule& rule : rules) {
    texts.push_back(rule.Text());
  }
  return texts;
}

TEST(Learning, StandsBehindWhatDropsByNameOrAddressAndBeforeWhatDropsTheRest) {
  const std::vector<Rule> rules = {Of(Action::kAccept, "a.test"), Of(Action::kDrop, "ads.test"),
                                   Of(Action::kDrop), Of(Action::kDrop, "", "192.0.2.0/24"),
                                   Of(Action::kAccept, "late.test")};
  const auto taught = TaughtRules(rules, std::vector{kHttp, kHttps});
  EXPECT_EQ(Texts(taught),
            (std::vector<std::string>{rules[0].Text(), rules[1].Text(), rules[3].Text(),
                                      "action=accept dsthost=~.+ proto=tcp dstports=80-80",
                                      "action=accept dsthost=~.+ proto=tcp dstports=443-443",
                                      rules[2].Text(), rules[3].Text(), rules[4].Text()}));
  EXPECT_EQ(OwnRules(taught), rules);
}

// No file says so today; a lesson must not depend on that.
TEST(Learning, ADropOfAFileOfAddressesIsNoDropOfTheRest) {
  std::vector<Rule> rules = {Of(Action::kDrop), Of(Action::kDrop)};
  rules[0].networks = std::make_shared<const NetworkList>(NetworkList{"bad", {}});
  const auto taught = TaughtRules(rules, std::vector{kHttps});
  EXPECT_EQ(Texts(taught),
            (std::vector<std::string>{rules[0].Text(),
                                      "action=accept dsthost=~.+ proto=tcp dstports=443-443",
                                      rules[1].Text()}));
}

TEST(Learning, WithoutADropOfTheRestItComesLast) {
  const std::vector<Rule> rules = {Of(Action::kAccept, "a.test")};
  EXPECT_EQ(TaughtRules(rules, std::vector{kHttps}).size(), 2U);
  EXPECT_EQ(TaughtRules({}, std::vector{kHttps}).size(), 1U);
}

TEST(Learning, WhatIsDroppedForOneServiceStaysDropped) {
  std::vector<Rule> rules = {Of(Action::kDrop), Of(Action::kDrop, ".ads.test"), Of(Action::kDrop)};
  rules[0].service = kHttps;
  rules[1].service = kHttps;
  EXPECT_EQ(Texts(TaughtRules(rules, std::vector{kHttps})),
            (std::vector<std::string>{"action=drop proto=tcp dstports=443-443",
                                      "action=drop dsthost=.ads.test proto=tcp dstports=443-443",
                                      "action=drop dsthost=.ads.test",
                                      "action=accept dsthost=~.+ proto=tcp dstports=443-443",
                                      "action=drop"}));
}

TEST(Learning, EndsWithTheRulesThatItWasPutAmong) {
  Desired desired;
  desired.clients = {{"work", {}, {Of(Action::kAccept, "a.test")}}};
  Learning learning;
  learning.Begin("work", {kNow + seconds(60), {kHttps}});
  EXPECT_FALSE(learning.Apply(desired));
  EXPECT_FALSE(learning.Apply(desired));
  desired.clients[0].rules = {Of(Action::kDrop)};
  EXPECT_TRUE(learning.Apply(desired));
  EXPECT_EQ(desired.clients[0].rules.size(), 1U);
  EXPECT_TRUE(learning.lessons().empty());
}

TEST(Learning, EndsWithItsClient) {
  Learning learning;
  learning.Begin("work", {kNow + seconds(60), {kHttps}, ClientId{7}});
  const auto is_there = [](const std::string&, ClientId id) { return id == ClientId{7}; };
  EXPECT_FALSE(learning.EndOfWhoHasGone(is_there));
  learning.Begin("work", {kNow + seconds(60), {kHttps}, ClientId{8}});
  EXPECT_TRUE(learning.EndOfWhoHasGone(is_there));
}

TEST(Learning, ComesOverTheRulesOfItsClientAndGoes) {
  Desired desired;
  desired.clients = {{"work", {}, {Of(Action::kDrop)}}, {"other", {}, {Of(Action::kDrop)}}};
  const Desired before = desired;
  Learning learning;
  learning.Begin("work", {kNow + seconds(60), {kHttps}});
  learning.Apply(desired);
  EXPECT_EQ(desired.clients[0].rules.size(), 2U);
  EXPECT_EQ(desired.clients[1], before.clients[1]);
  learning.Apply(desired);
  EXPECT_EQ(desired.clients[0].rules.size(), 2U) << "once";
  EXPECT_EQ(learning.NextDeadline(), kNow + seconds(60));
  EXPECT_FALSE(learning.EndDue(kNow));
  EXPECT_TRUE(learning.EndDue(kNow + seconds(60)));
  learning.Apply(desired);
  EXPECT_EQ(desired.clients[0], before.clients[0]);
  EXPECT_FALSE(learning.End("work"));
}

TEST(Learning, WhoseRulesAreBadLearnsNothing) {
  Desired desired;
  desired.clients = {{"work", {}, {Of(Action::kDrop)}, {}, "rule 1: no such action"}};
  Learning learning;
  learning.Begin("work", {kNow + seconds(60), {kHttps}});
  learning.Apply(desired);
  EXPECT_EQ(desired.clients[0].rules.size(), 1U);
}

}  // namespace
}  // namespace dnspin
