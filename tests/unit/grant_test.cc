// Names that answers name: which of them may be asked (design.md 7).
#include "pinning/grant.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "pinning/drop_names.h"
#include "tests/unit/terse_rule.h"

namespace dnspin {
namespace {

using std::chrono::seconds;
using Kind = GrantJudgement::Kind;

Name N(const std::string& host) { return *Name::FromHost(host); }

Permissions RulesOf(const std::vector<std::string>& rules) {
  Policy policy;
  policy.rules = TerseRules(rules);
  const std::vector<Address> client = {*Address::Parse("10.137.0.25")};
  policy.closed_from = DropNames().ClosedFrom(policy.rules, client);  // nothing is known
  return Permissions(policy);
}

GrantRequest Request(const std::string& rule_host, const std::string& parent,
                     const std::string& target, uint32_t ttl_s = 60) {
  return {1, ttl_s, rule_host, N(parent), N(target)};
}

class GrantTest : public testing::Test {
 protected:
  // What is judged good is added, as both sides do.
  Kind Admit(const GrantRequest& request) {
    GrantJudgement judgement = JudgeGrant(request, grants_, rules_, now_);
    EXPECT_TRUE(judgement.kind != Kind::kWrong || !judgement.why.empty());
    if (judgement.kind == Kind::kStands) {
      grants_.Add(std::move(judgement.grant));
    }
    return judgement.kind;
  }
  Positions RulesFor(const std::string& target) const {
    return grants_.RulesFor(N(target), rules_, now_);
  }

  Permissions rules_ = RulesOf({"accept .a.test tcp 443", "accept b.test", "drop *.ads.test",
                                "accept late.test", "accept .a.test udp 443", "accept ask.test dns",
                                "drop shut.test tcp 1", "accept behind.test"});
  Grants grants_;
  BootTime now_{seconds(1000)};
};

TEST_F(GrantTest, WhatAnAnswerMayName) {
  const struct {
    const char* story;
    const char* rule_host;
    const char* parent;
    const char* target;
    Kind kind;
  } rows[] = {
      {"a target of a listed name", ".a.test", "www.a.test", "edge.net", Kind::kStands},
      {"a rule that is not there", ".c.test", "www.c.test", "edge.net", Kind::kWrong},
      {"a rule that is spelled otherwise", "a.test", "a.test", "edge.net", Kind::kWrong},
      {"a rule that pins nothing", "ask.test", "ask.test", "edge.net", Kind::kWrong},
      {"a rule that drops", "*.ads.test", "x.ads.test", "edge.net", Kind::kWrong},
      {"a rule behind the end of the chain", "behind.test", "behind.test", "edge.net",
       Kind::kWrong},
      {"a parent that another rule lists", ".a.test", "b.test", "edge.net", Kind::kWrong},
      {"a parent that nothing lists", ".a.test", "other.test", "edge.net", Kind::kWrong},
      {"a parent that was never granted", ".a.test", "edge.net", "far.net", Kind::kWrong},
      {"a parent that is refused", ".a.test", "x.ads.test", "edge.net", Kind::kWrong},
      {"a target that is refused before the rule", "late.test", "late.test", "x.ads.test",
       Kind::kWrong},
      {"a target that is refused behind it", ".a.test", "www.a.test", "x.ads.test", Kind::kLeftOut},
      {"a target that is pinned anyway", ".a.test", "www.a.test", "b.test", Kind::kLeftOut},
      {"a target that is listed behind the end", ".a.test", "www.a.test", "behind.test",
       Kind::kLeftOut},
      {"a target that may be asked, for DNS alone", ".a.test", "www.a.test", "ask.test",
       Kind::kStands},
  };
  for (const auto& row : rows) {
    grants_ = Grants();
    EXPECT_EQ(Admit(Request(row.rule_host, row.parent, row.target)), row.kind) << row.story;
  }
}

TEST_F(GrantTest, ATargetIsAHost) {
  GrantRequest request = Request(".a.test", "www.a.test", "edge.net");
  request.target = Name();
  EXPECT_EQ(Admit(request), Kind::kWrong) << "the root";
  request.target = *Name::FromWire(std::string("\4a b.\3net\0", 10));
  EXPECT_EQ(Admit(request), Kind::kWrong) << "a name that no host has";
}

TEST_F(GrantTest, TwoStepsDeepAndNoDeeper) {
  EXPECT_EQ(Admit(Request(".a.test", "www.a.test", "one.net")), Kind::kStands);
  EXPECT_EQ(Admit(Request(".a.test", "one.net", "two.net")), Kind::kStands);
  EXPECT_EQ(Admit(Request(".a.test", "two.net", "three.net")), Kind::kLeftOut);
  EXPECT_EQ(Admit(Request("b.test", "one.net", "two.net")), Kind::kWrong) << "another lineage";
  EXPECT_EQ(Admit(Request(".a.test", "www.a.test", "two.net")), Kind::kStands);
  EXPECT_EQ(Admit(Request(".a.test", "two.net", "three.net")), Kind::kStands) << "a nearer way";
}

TEST_F(GrantTest, PinnedUnderEveryRuleOfThatHost) {
  Admit(Request(".a.test", "www.a.test", "edge.net", 60));
  EXPECT_EQ(RulesFor("edge.net"), (Positions{0, 4}));
  Admit(Request("b.test", "b.test", "edge.net", 30));
  EXPECT_EQ(RulesFor("edge.net"), (Positions{0, 1, 4}));
  EXPECT_EQ(RulesFor("www.edge.net"), Positions());
  now_ += seconds(30);
  EXPECT_EQ(RulesFor("edge.net"), (Positions{0, 4}));
  now_ += seconds(30);
  EXPECT_EQ(RulesFor("edge.net"), Positions());
}

TEST_F(GrantTest, ALifeNeverShrinksAndItsEndIsRemembered) {
  Admit(Request(".a.test", "www.a.test", "edge.net", 60));
  Admit(Request(".a.test", "www.a.test", "edge.net", 5));
  EXPECT_EQ(grants_.Find(".a.test", N("edge.net"), now_)->until, now_ + seconds(60));
  Admit(Request(".a.test", "www.a.test", "edge.net", 100));
  EXPECT_EQ(grants_.size(), 1U);
  now_ += seconds(100);
  EXPECT_EQ(RulesFor("edge.net"), Positions());
  EXPECT_NE(grants_.Find(".a.test", N("edge.net"), now_), nullptr);
  EXPECT_EQ(Admit(Request(".a.test", "edge.net", "far.net")), Kind::kLeftOut) << "a moment late";
  now_ += Grants::kRemembered;
  EXPECT_EQ(grants_.Find(".a.test", N("edge.net"), now_), nullptr);
  EXPECT_EQ(Admit(Request(".a.test", "edge.net", "far.net")), Kind::kWrong);
  grants_.Expire(now_ + seconds(60));
  EXPECT_EQ(grants_.size(), 0U);
}

TEST_F(GrantTest, NoTargetKeepsItselfOrAnotherAlive) {
  Admit(Request(".a.test", "www.a.test", "one.net", 10));
  Admit(Request(".a.test", "www.a.test", "two.net", 20));
  const BootTime end = now_ + seconds(20);
  for (; now_ < end; now_ += seconds(2)) {
    EXPECT_EQ(Admit(Request(".a.test", "one.net", "one.net", 300)), Kind::kLeftOut) << "itself";
    Admit(Request(".a.test", "one.net", "two.net", 300));
    Admit(Request(".a.test", "two.net", "one.net", 300));
    EXPECT_LE(grants_.Find(".a.test", N("one.net"), now_)->until, end);
    EXPECT_LE(grants_.Find(".a.test", N("two.net"), now_)->until, end);
  }
  EXPECT_TRUE(RulesFor("one.net").empty() && RulesFor("two.net").empty());
  Admit(Request(".a.test", "www.a.test", "one.net", 60));
  EXPECT_FALSE(RulesFor("one.net").empty()) << "the listed name names it again";
}

TEST_F(GrantTest, WhoseParentIsRefusedOrGoneEnds) {
  const auto again = [this] {
    grants_ = Grants();
    Admit(Request(".a.test", "bad.a.test", "one.net"));
    Admit(Request(".a.test", "one.net", "two.net"));
    Admit(Request(".a.test", "www.a.test", "other.net"));
    ASSERT_EQ(grants_.size(), 3U);
  };
  for (const char* const drop : {"drop bad.a.test", "drop one.net"}) {
    again();
    rules_ = RulesOf({drop, "accept *.a.test", "accept .a.test"});
    grants_.KeepWhatStands(rules_);
    ASSERT_EQ(grants_.size(), 1U) << drop;
    EXPECT_EQ(grants_.All()[0].target, N("other.net"));
    EXPECT_TRUE(grants_.MayMiss(now_)) << "the other side may know another parent";
    rules_ = RulesOf({"accept .a.test"});
  }
  again();
  rules_ = RulesOf({"accept new.test", "accept .a.test udp 7"});
  grants_.KeepWhatStands(rules_);
  EXPECT_EQ(grants_.size(), 3U) << "all still stand";
}

TEST_F(GrantTest, ThirtyTwoLiveUnderARuleHost) {
  for (size_t i = 0; i < Grants::kPerRuleHost; ++i) {
    EXPECT_EQ(Admit(Request(".a.test", "www.a.test", "e" + std::to_string(i) + ".net")),
              Kind::kStands);
  }
  EXPECT_EQ(Admit(Request(".a.test", "www.a.test", "one-more.net")), Kind::kLeftOut);
  EXPECT_EQ(Admit(Request(".a.test", "www.a.test", "e7.net", 300)), Kind::kStands) << "known";
  EXPECT_EQ(Admit(Request("b.test", "b.test", "one-more.net")), Kind::kStands) << "another rule";
  now_ += seconds(60);
  EXPECT_EQ(Admit(Request(".a.test", "www.a.test", "one-more.net")), Kind::kStands);
}

TEST_F(GrantTest, OneRuleHostLeavesTheOthersRoom) {
  size_t stood = 0;
  for (int second = 0; second < 40; ++second, now_ += seconds(1)) {
    for (size_t i = 0; i < Grants::kPerRuleHost; ++i) {
      const std::string target = "e" + std::to_string(second) + "-" + std::to_string(i) + ".net";
      stood += Admit(Request(".a.test", "www.a.test", target, 1)) == Kind::kStands;
    }
  }
  EXPECT_EQ(stood, Grants::kKnownPerRuleHost);
  EXPECT_EQ(Admit(Request("b.test", "b.test", "e.net")), Kind::kStands);
}

TEST_F(GrantTest, AllOfThemAreBounded) {
  std::vector<std::string> lines;
  for (int rule = 0; rule < 50; ++rule) {
    lines.push_back("accept r" + std::to_string(rule) + ".test");
  }
  rules_ = RulesOf(lines);
  size_t stood = 0;
  for (int i = 0; i < 50 * 32; ++i) {
    const std::string host = "r" + std::to_string(i % 50) + ".test";
    stood += Admit(Request(host, host, "e" + std::to_string(i) + ".net", 1)) == Kind::kStands;
  }
  EXPECT_EQ(stood, Grants::kMax);
  EXPECT_EQ(grants_.All().size(), Grants::kMax);
  now_ += seconds(1) + Grants::kRemembered;
  grants_.Expire(now_);
  EXPECT_EQ(Admit(Request("r0.test", "r0.test", "e.net", 1)), Kind::kStands);
}

TEST_F(GrantTest, NewRulesEndWhatTheyWouldNotHaveMade) {
  Admit(Request(".a.test", "www.a.test", "edge.net"));
  Admit(Request(".a.test", "www.a.test", "x.ads.net"));
  Admit(Request("b.test", "b.test", "edge.net"));
  rules_ = RulesOf({"drop *.ads.net", "accept new.test", "accept .a.test"});
  grants_.KeepWhatStands(rules_);
  ASSERT_EQ(grants_.All().size(), 1U);
  EXPECT_EQ(grants_.All()[0].target, N("edge.net"));
  EXPECT_EQ(RulesFor("edge.net"), Positions{2});
}

TEST_F(GrantTest, AfterASuspendWhatIsUnderWayIsOldAndNoLie) {
  grants_.Expire(now_);
  grants_.Expire(now_ + seconds(59));
  now_ += seconds(59 + 59);
  grants_.Expire(now_);
  EXPECT_FALSE(grants_.MayMiss(now_));
  now_ += Grants::kRemembered;
  grants_.Expire(now_);
  EXPECT_EQ(Admit(Request(".a.test", "edge.net", "far.net")), Kind::kLeftOut);
  EXPECT_EQ(Admit(Request(".c.test", "edge.net", "far.net")), Kind::kWrong);
}

TEST_F(GrantTest, WhatWasLeftOutMayBeBelievedIn) {
  EXPECT_EQ(Admit(Request(".a.test", "edge.net", "far.net")), Kind::kWrong);
  grants_.LeaveOut(now_ + seconds(10));
  EXPECT_EQ(JudgeGrant(Request(".a.test", "edge.net", "far.net"), grants_, rules_, now_).kind,
            Kind::kLeftOut);
  now_ += seconds(10);
  EXPECT_EQ(Admit(Request(".a.test", "edge.net", "far.net")), Kind::kWrong);
}

}  // namespace
}  // namespace dnspin
