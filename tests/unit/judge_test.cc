// What dnspind makes of a reader's requests, as if a stranger had sent them (design.md 2).
#include "nft/judge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "tests/unit/terse_rule.h"

namespace dnspin {
namespace {

using std::chrono::seconds;

Name N(const std::string& host) { return *Name::FromHost(host); }

class JudgeTest : public testing::Test {
 protected:
  JudgeTest() {
    policy_.addresses = {*Address::Parse("10.137.0.25")};
    policy_.generation = 5;
    Follow({"accept .a.test tcp 443", "accept b.test tcp 22", "drop *.ads.test",
            "accept .a.test udp 443"});
  }
  void Follow(const std::vector<std::string>& rules) {
    policy_.rules = TerseRules(rules);
    permissions_ = Permissions(policy_);
    groups_ = GroupsOf(policy_.rules, groups_);
  }
  Judgement JudgePin(const std::string& asked, const std::string& rule_host,
                     const std::function<void(PinRequest&)>& change = nullptr) const {
    PinRequest request{7, 5, 60, N(asked), rule_host, {*Address::Parse("198.51.100.7")}};
    if (change) {
      change(request);
    }
    return Judge(request, policy_, permissions_, groups_, grants_, now_);
  }
  std::vector<uint32_t> GroupsOfHolder(const std::string& rule_host,
                                       const std::string& asked) const {
    std::vector<uint32_t> numbers;
    for (const auto& place : PlacesOfHolder(rule_host, N(asked), permissions_, groups_)) {
      EXPECT_TRUE(permissions_.Judge(N(asked)).standing == Standing::kPinned ||
                  place.rule_host == rule_host);
      numbers.push_back(place.group);
    }
    return numbers;
  }

  Policy policy_;
  Permissions permissions_{policy_};
  std::vector<PinGroup> groups_;
  Grants grants_;
  BootTime now_{seconds(1000)};
};

TEST_F(JudgeTest, AListedNameStandsUnderItsFirstRule) {
  const Judgement good = JudgePin("www.a.test", ".a.test");
  EXPECT_EQ(good.kind, Judgement::Kind::kStands);
  EXPECT_EQ(good.rule, 1U);
  EXPECT_EQ(good.places.size(), 2U);
  for (const auto& [asked, host] : std::vector<std::pair<std::string, std::string>>{
           {"www.a.test", "b.test"}, {"edge.net", ".a.test"}, {"x.ads.test", ".a.test"}}) {
    EXPECT_EQ(JudgePin(asked, host).kind, Judgement::Kind::kBreach) << asked;
    EXPECT_EQ(JudgePin(asked, host, [](PinRequest& r) { r.generation = 4; }).kind,
              Judgement::Kind::kStale)
        << asked;
  }
}

TEST_F(JudgeTest, AGrantedNameStandsUnderTheRuleOfItsGrant) {
  grants_.Add({".a.test", N("edge.net"), N("www.a.test"), 1, now_ + seconds(60)});
  const Judgement good = JudgePin("edge.net", ".a.test");
  ASSERT_EQ(good.kind, Judgement::Kind::kStands) << good.why;
  EXPECT_EQ(good.rule, 1U);
  EXPECT_EQ(good.places.size(), 2U);
  EXPECT_EQ(JudgePin("edge.net", "b.test").kind, Judgement::Kind::kBreach) << "another rule";
  EXPECT_EQ(JudgePin("www.edge.net", ".a.test").kind, Judgement::Kind::kBreach);
  EXPECT_EQ(JudgePin("edge.net", ".a.test",
                     [](PinRequest& r) { r.addresses = {*Address::Parse("10.1.2.3")}; })
                .kind,
            Judgement::Kind::kBreach);
  policy_.rebind_ok = {{HostPattern::Kind::kZone, N("net"), ""}};
  permissions_ = Permissions(policy_);
  EXPECT_EQ(JudgePin("edge.net", ".a.test",
                     [](PinRequest& r) { r.addresses = {*Address::Parse("10.1.2.3")}; })
                .kind,
            Judgement::Kind::kBreach)
      << "its owner chose it, no rule";
  grants_.Add({"b.test", N("edge.net"), N("t.net"), 2, now_ + seconds(60)});
  EXPECT_EQ(JudgePin("edge.net", "b.test").places.size(), 3U) << "every grant counts";
}

TEST_F(JudgeTest, AGrantThatEndedAMomentAgoIsLateAndNoLie) {
  grants_.Add({".a.test", N("edge.net"), N("www.a.test"), 1, now_ + seconds(60)});
  now_ += seconds(60);
  EXPECT_EQ(JudgePin("edge.net", ".a.test").kind, Judgement::Kind::kStale);
  now_ += seconds(60);
  EXPECT_EQ(JudgePin("edge.net", ".a.test").kind, Judgement::Kind::kBreach);
  grants_.LeaveOut(now_ + seconds(60));
  EXPECT_EQ(JudgePin("edge.net", ".a.test").kind, Judgement::Kind::kStale) << "it may have been";
  EXPECT_EQ(JudgePin("x.ads.test", ".a.test").kind, Judgement::Kind::kBreach);
}

TEST_F(JudgeTest, WhatNoHonestReaderGrants) {
  using Kind = GrantJudgement::Kind;
  const auto judge = [this](const std::function<void(GrantRequest&)>& change) {
    GrantRequest request{5, 60, ".a.test", N("www.a.test"), N("edge.net")};
    change(request);
    return Judge(request, policy_, permissions_, grants_, now_).kind;
  };
  EXPECT_EQ(judge([](GrantRequest&) {}), Kind::kStands);
  const std::vector<std::function<void(GrantRequest&)>> lies = {
      [](GrantRequest& r) { r.ttl_s = 0; },
      [](GrantRequest& r) { r.ttl_s = 301; },
      [](GrantRequest& r) { r.rule_host = ".test"; },
      [](GrantRequest& r) { r.parent = N("evil.test"); },
      [](GrantRequest& r) { r.target = Name(); },
  };
  for (const auto& lie : lies) {
    EXPECT_EQ(judge(lie), Kind::kWrong) << &lie - lies.data();
    EXPECT_EQ(judge([&](GrantRequest& r) {
                lie(r);
                r.generation = 4;
              }),
              Kind::kLeftOut)
        << &lie - lies.data();
  }
  EXPECT_EQ(judge([](GrantRequest& r) { r.generation = 6; }), Kind::kWrong);
}

TEST_F(JudgeTest, AHolderGoesWhereTheRulesPutItNow) {
  EXPECT_EQ(GroupsOfHolder(".a.test", "www.a.test"), (std::vector<uint32_t>{1, 3}));
  EXPECT_EQ(GroupsOfHolder(".a.test", "edge.net"), (std::vector<uint32_t>{1, 3})) << "granted";
  EXPECT_EQ(GroupsOfHolder("c.test", "edge.net"), std::vector<uint32_t>()) << "its rule is gone";
  EXPECT_EQ(GroupsOfHolder(".a.test", "b.test"), std::vector<uint32_t>{2}) << "listed by now";
  EXPECT_EQ(GroupsOfHolder(".a.test", "x.ads.test"), std::vector<uint32_t>());
  Follow({"drop *.edge.net", "accept .a.test tcp 443"});
  EXPECT_EQ(GroupsOfHolder(".a.test", "x.edge.net"), std::vector<uint32_t>()) << "refused";
  EXPECT_EQ(GroupsOfHolder(".a.test", "edge.net"), std::vector<uint32_t>{1});
}

}  // namespace
}  // namespace dnspin
