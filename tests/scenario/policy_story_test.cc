// Stories of rules that change while questions wait (design.md 1, 3): what waits and what is cached
// is judged by the policy that holds when it is told.

#include "tests/scenario/resolver_stage.h"

namespace dnspin {
namespace {

using namespace stage;  // NOLINT: the vocabulary of the stories

using Strings = std::vector<std::string>;
const Strings kRules = {"accept .example.com tcp 443", "drop"};
const Message kAnswer = {.answer = {ARecord(kToQuestion, dns::kA, V4(203, 0, 113, 1))}};

void Change(Stage& stage, const Strings& rules) {
  stage.policy.rules = RulesOf(rules);
  Close(stage.policy);
  ++stage.policy.generation;
  stage.forwarder.SetPolicy(stage.policy, stage.now);
}

TEST(PolicyStory, WhatWaitsForPinsIsAskedForAgain) {
  Stage stage(kRules);
  const auto id = stage.Ask("www.example.com");
  stage.UpstreamSays(kAnswer);
  Change(stage, {"drop other.example.net tcp 1", "accept www.example.com"});
  ASSERT_EQ(stage.firewall.requests.size(), 1U) << "that chain ends before the name";
  EXPECT_EQ(stage.HeardOf(id).ede, dns::kEdeNotReady);

  const auto second = stage.Ask("www.example.com");
  Change(stage, {"accept www.example.com"});
  EXPECT_EQ(stage.HeardOf(second).ede, dns::kEdeNotReady);
  const auto third = stage.Ask("www.example.com");
  Change(stage, {"accept .example.com"});
  ASSERT_EQ(stage.firewall.requests.size(), 3U);
  EXPECT_EQ(stage.firewall.requests[1].rule_host, "www.example.com");
  EXPECT_EQ(stage.firewall.requests[2].rule_host, ".example.com");
  EXPECT_EQ(stage.firewall.requests[2].generation, 4U);
  stage.FirewallSays(PinOutcome::kDone);  // of the first policy
  stage.FirewallSays(PinOutcome::kDone);  // of the third
  EXPECT_FALSE(stage.HasHeard(third)) << "let go by a pin of the policy before";
  stage.FirewallSays(PinOutcome::kDone);
  EXPECT_EQ(stage.HeardOf(third).Addresses(), Strings{"203.0.113.1"});
  EXPECT_EQ(stage.network.sent.size(), 1U);
  stage.NothingIsLeft();
}

TEST(PolicyStory, WhatIsNotAllowedAnyMoreIsRefusedAtOnce) {
  Stage stage(kRules);
  const auto held = stage.Ask("www.example.com");
  stage.UpstreamSays(kAnswer);
  const auto asked = stage.Ask("slow.example.com");
  Change(stage, {"drop *.example.com", "accept specialtarget=dns"});
  EXPECT_EQ(stage.HeardOf(held).ede, dns::kEdeBlocked);
  EXPECT_EQ(stage.HeardOf(asked).ede, dns::kEdeBlocked);
  EXPECT_TRUE(stage.network.open.empty()) << "nobody waits for that answer";
  stage.FirewallSays(PinOutcome::kDone);
  Change(stage, {});
  EXPECT_EQ(stage.HeardOf(stage.Ask("www.example.com")).ede, dns::kEdeProhibited) << "cached";
  stage.NothingIsLeft();
}

TEST(PolicyStory, ACachedAnswerIsJudgedAnew) {
  Stage stage({"accept specialtarget=dns"});
  stage.Ask("www.example.com");
  stage.UpstreamSays(
      {.answer = {AliasOf("www.example.com", "x.ads.test"), Record4("x.ads.test", 1)}});
  EXPECT_TRUE(stage.firewall.requests.empty());
  Change(stage, kRules);
  const auto pinned = stage.Ask("www.example.com");
  EXPECT_FALSE(stage.HasHeard(pinned));
  stage.FirewallDoesAll();
  EXPECT_EQ(stage.HeardOf(pinned).Addresses().size(), 1U);
  Change(stage, {"drop *.ads.test", "accept .example.com"});
  EXPECT_EQ(stage.HeardOf(stage.Ask("www.example.com")).ede, dns::kEdeBlocked);
  stage.policy.own.push_back(*Address::Parse("203.0.113.1"));
  Change(stage, kRules);
  EXPECT_EQ(stage.HeardOf(stage.Ask("www.example.com")).ede, dns::kEdeFiltered);
  EXPECT_EQ(stage.network.sent.size(), 1U);
  stage.NothingIsLeft();
}

TEST(PolicyStory, ACachedAnswerIsJudgedAnewThoughTheRulesAreTheSame) {
  Stage stage(kRules);
  stage.Ask("www.example.com");
  stage.UpstreamSays(kAnswer);
  stage.FirewallDoesAll();
  stage.policy.own.push_back(*Address::Parse("203.0.113.1"));
  Change(stage, kRules);
  EXPECT_EQ(stage.HeardOf(stage.Ask("www.example.com")).ede, dns::kEdeFiltered);
  EXPECT_EQ(stage.firewall.requests.size(), 1U);
  stage.NothingIsLeft();
}

TEST(PolicyStory, ACachedAnswerIsJudgedByTheRuleThatLetsThisQuestionOut) {
  Stage stage({"accept dst4=10.139.1.1", "drop *.ads.test", "accept specialtarget=dns"});
  const auto to_server = [](Question&, ReturnPath& path) {
    path.transport = Transport::kTcp;
    path.destination = Address::Parse("10.139.1.1");
  };
  for (int round = 0; round < 2; ++round) {
    const auto before_drop = stage.Ask("www.test", dns::kA, to_server);
    if (round == 0) {
      stage.UpstreamSays({.answer = {AliasOf("www.test", "x.ads.test"), Record4("x.ads.test", 1)}});
    }
    EXPECT_EQ(stage.HeardOf(before_drop).Addresses().size(), 1U);
    EXPECT_EQ(stage.HeardOf(stage.Ask("www.test")).ede, dns::kEdeBlocked);
  }
  stage.NothingIsLeft();
}

TEST(PolicyStory, AStaleRequestWaitsForItsPolicy) {
  Stage stage(kRules);
  const auto id = stage.Ask("www.example.com");
  stage.UpstreamSays(kAnswer);
  stage.FirewallSays(PinOutcome::kStale);
  EXPECT_FALSE(stage.HasHeard(id));
  EXPECT_EQ(stage.firewall.requests.size(), 1U) << "asking again by the same policy is no use";
  stage.Pass(milliseconds(100));
  Change(stage, kRules);
  stage.FirewallDoesAll();
  EXPECT_EQ(stage.HeardOf(id).Addresses().size(), 1U);

  stage.forwarder.DoubtPins();
  const auto never = stage.Ask("www.example.com");
  stage.FirewallSays(PinOutcome::kStale);
  stage.Pass(milliseconds(500));
  EXPECT_EQ(stage.HeardOf(never).ede, dns::kEdeNotReady);
  stage.NothingIsLeft();
}

TEST(PolicyStory, AStormOfPoliciesEndsInAnAnswer) {
  Stage stage(kRules);
  const auto id = stage.Ask("www.example.com");
  stage.UpstreamSays({.answer = {Record4("www.example.com", 1)}});
  for (int reload = 0; reload < 300; ++reload) {
    stage.Pass(milliseconds(10));
    Change(stage, kRules);
  }
  EXPECT_EQ(stage.HeardOf(id).answer.rcode, dns::kServFail);
  EXPECT_EQ(stage.HeardOf(id).at, BootTime(seconds(1000)) + milliseconds(2000));
  stage.NothingIsLeft();
}

TEST(PolicyStory, AnotherUpstreamIsUsedAtOnceAndAnswersAnew) {
  Stage stage(kRules);
  stage.Ask("www.example.com");
  stage.UpstreamSays(kAnswer);
  stage.FirewallDoesAll();
  const auto waiting = stage.Ask("slow.example.com");
  const Sent before = stage.LastSent();
  stage.policy.upstreams = {{*Endpoint::Parse("192.0.2.54"), "wlan0"}};
  Change(stage, kRules);
  EXPECT_FALSE(stage.network.open.contains(before.socket));
  EXPECT_EQ(stage.LastSent().server.endpoint.Text(), "192.0.2.54:53");
  stage.UpstreamSays(kAnswer);
  stage.FirewallDoesAll();
  EXPECT_EQ(stage.HeardOf(waiting).Addresses().size(), 1U);
  stage.Ask("www.example.com");
  EXPECT_EQ(stage.LastSent().question.asked, Host("www.example.com")) << "told of another network";
  stage.Pass(seconds(2));
  stage.NothingIsLeft();
}

TEST(PolicyStory, WithoutUpstreamsItFailsAtOnce) {
  Stage stage(kRules);
  stage.policy.upstreams.clear();
  Change(stage, kRules);
  const auto id = stage.Ask("www.example.com");
  stage.Pass(milliseconds(0));
  EXPECT_EQ(stage.HeardOf(id).ede, dns::kEdeNetworkError);
  stage.NothingIsLeft();
}

}  // namespace
}  // namespace dnspin
