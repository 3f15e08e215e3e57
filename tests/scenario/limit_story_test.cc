// Stories of a client's limits: what waits, and new names under one pattern. (How fast it may ask
// is counted where datagrams and streams are read: netns/load_test.py.)

#include "tests/scenario/resolver_stage.h"

namespace dnspin {
namespace {

using namespace stage;  // NOLINT: the vocabulary of the stories

Stage& With(Stage& stage, const Limits& limits) {
  stage.policy.limits = limits;
  ++stage.policy.generation;
  stage.forwarder.SetPolicy(stage.policy, stage.now);
  return stage;
}

// True if the name was not asked upstream, and the client heard so at once.
bool IsRefused(Stage& stage, const std::string& name) {
  const size_t sent = stage.network.sent.size();
  const uint64_t counted = stage.counters.over_names;
  const auto id = stage.Ask(name);
  if (stage.network.sent.size() != sent || !stage.HasHeard(id)) {
    EXPECT_EQ(stage.counters.over_names, counted) << name;
    return false;
  }
  const Heard heard = stage.HeardOf(id);
  EXPECT_EQ(heard.answer.rcode, dns::kRefused) << name;
  EXPECT_EQ(heard.ede, dns::kEdeOther) << name;
  EXPECT_EQ(stage.counters.over_names, counted + 1) << name;
  EXPECT_EQ(stage.firewall.reports.back().asked.Text(), name);
  return true;
}

TEST(LimitStory, WhatWaitsIsBoundedAndTheRestHearsSoAtOnce) {
  Stage stage({"accept .example.com"});
  const size_t max = Limits().questions_in_flight;
  for (size_t i = 0; i < max; ++i) {
    stage.Ask("n" + std::to_string(i) + ".example.com");
  }
  EXPECT_EQ(stage.counters.over_in_flight, 0U);
  const auto one_more = stage.Ask("one.more.example.com");
  EXPECT_EQ(stage.HeardOf(one_more).answer.rcode, dns::kServFail);
  EXPECT_EQ(stage.HeardOf(one_more).ede, dns::kEdeOther);
  EXPECT_EQ(stage.counters.over_in_flight, 1U);
  EXPECT_EQ(stage.network.sent.size(), max);
  EXPECT_EQ(stage.HeardOf(stage.Ask("localhost")).Addresses().size(), 1U) << "that needs no wait";
  stage.Pass(seconds(2));
  EXPECT_EQ(stage.counters.failed, max + 1);
  stage.Ask("again.example.com");
  EXPECT_EQ(stage.LastSent().question.asked, Host("again.example.com"));
  stage.Pass(seconds(2));
  stage.NothingIsLeft();
}

TEST(LimitStory, WhatOthersHaveWaitingShutsNobodyOut) {
  const std::vector<std::string> rules = {"accept .example.com"};
  OpenQuestions all(2);
  Stage greedy(rules, &all);
  Stage modest(rules, &all);
  greedy.Ask("a.example.com");
  greedy.Ask("b.example.com");
  const auto refused = greedy.Ask("c.example.com");
  EXPECT_EQ(greedy.HeardOf(refused).answer.rcode, dns::kServFail);
  const auto one = modest.Ask("www.example.com");
  EXPECT_FALSE(modest.HasHeard(one)) << "it waits";
  const auto another = modest.Ask("mail.example.com");
  EXPECT_EQ(modest.HeardOf(another).answer.rcode, dns::kServFail) << "one of each, not more";
  modest.UpstreamSays({.answer = {Record4("www.example.com", 1)}});
  modest.FirewallDoesAll();
  EXPECT_EQ(modest.HeardOf(one).Addresses(), std::vector<std::string>{"203.0.113.1"});
  modest.NothingIsLeft();
}

TEST(LimitStory, HowManyMayWaitIsThePolicysAndChangesWithIt) {
  Stage stage({"accept .example.com"});
  With(stage, {.questions_in_flight = 2});
  stage.Ask("a.example.com");
  stage.Ask("b.example.com");
  stage.Ask("c.example.com");
  EXPECT_EQ(stage.counters.over_in_flight, 1U);
  With(stage, {.questions_in_flight = 3});
  stage.Ask("d.example.com");
  EXPECT_EQ(stage.counters.over_in_flight, 1U);
  With(stage, {.questions_in_flight = 1});
  stage.Ask("e.example.com");
  EXPECT_EQ(stage.counters.over_in_flight, 2U) << "those that wait go on, nobody joins them";
  stage.Pass(seconds(3));
  stage.NothingIsLeft();
}

TEST(LimitStory, NewNamesUnderAPatternEndAndKnownOnesGoOn) {
  Stage stage({"accept .example.com", "accept *.other.test", "accept ~x[0-9]+\\.re\\.test"});
  With(stage, {.names_per_pattern = 3});
  for (const char* name : {"a.example.com", "b.example.com", "c.example.com"}) {
    EXPECT_FALSE(IsRefused(stage, name)) << name;
  }
  EXPECT_TRUE(IsRefused(stage, "d.example.com"));
  EXPECT_FALSE(IsRefused(stage, "a.other.test")) << "each pattern has its own";
  EXPECT_FALSE(IsRefused(stage, "x1.re.test"));
  EXPECT_FALSE(IsRefused(stage, "x2.re.test"));
  EXPECT_FALSE(IsRefused(stage, "x3.re.test"));
  EXPECT_TRUE(IsRefused(stage, "x4.re.test"));
  stage.Pass(seconds(10));  // failures are forgotten by then
  EXPECT_FALSE(IsRefused(stage, "a.example.com")) << "it is known";
  EXPECT_TRUE(IsRefused(stage, "d.example.com"));
  stage.Pass(seconds(11));
  EXPECT_FALSE(IsRefused(stage, "d.example.com")) << "a third of a minute, one of three";
  EXPECT_TRUE(IsRefused(stage, "e.example.com"));
  stage.Pass(seconds(60));
  stage.NothingIsLeft();
}

TEST(LimitStory, WhatNoPatternListsHasNoSuchLimit) {
  Stage stage({"accept one.test", "accept two.test", "accept specialtarget=dns"});
  With(stage, {.names_per_pattern = 1});
  for (const char* name : {"one.test", "two.test", "three.test", "four.test"}) {
    EXPECT_FALSE(IsRefused(stage, name)) << name;
  }
  stage.Pass(seconds(3));
  stage.NothingIsLeft();
}

TEST(LimitStory, AnAnswerInTheCacheNeedsNoNewName) {
  Stage stage({"accept .example.com"});
  With(stage, {.names_per_pattern = 1});
  stage.Ask("a.example.com");
  stage.UpstreamSays({.answer = {Record4("a.example.com", 1)}});
  stage.FirewallDoesAll();
  EXPECT_TRUE(IsRefused(stage, "b.example.com"));
  const auto again = stage.Ask("a.example.com");
  stage.FirewallDoesAll();
  EXPECT_EQ(stage.HeardOf(again).Addresses().size(), 1U);
  stage.NothingIsLeft();
}

TEST(LimitStory, AReloadForgetsNoNameAndGivesNoneBack) {
  Stage stage({"accept .example.com"});
  With(stage, {.names_per_pattern = 1});
  EXPECT_FALSE(IsRefused(stage, "a.example.com"));
  stage.policy.rules = RulesOf({"accept one.test", "accept .example.com"});
  With(stage, {.names_per_pattern = 1});
  EXPECT_TRUE(IsRefused(stage, "b.example.com"));
  stage.Pass(seconds(4));
  EXPECT_FALSE(IsRefused(stage, "a.example.com"));
  With(stage, {.names_per_pattern = 2});
  EXPECT_FALSE(IsRefused(stage, "b.example.com")) << "another limit begins anew";
  stage.Pass(seconds(4));
  stage.NothingIsLeft();
}

}  // namespace
}  // namespace dnspin
