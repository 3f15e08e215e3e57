// Stories of the gate, as the resolver keeps it: nothing is told before the kernel has it
// (design.md 1, 6). "Trap N" is row N of the table of instructive bugs.

#include "tests/scenario/resolver_stage.h"

namespace dnspin {
namespace {

using namespace stage;  // NOLINT: the vocabulary of the stories

using Strings = std::vector<std::string>;
const Strings kRules = {"accept .example.com tcp 443", "drop"};

TEST(PinStory, PinnedBeforeTold) {
  Stage stage(kRules);
  const auto id = stage.Ask("www.example.com");
  stage.UpstreamSays({.answer = {Record4("www.example.com", 1), Record4("www.example.com", 2)}});
  ASSERT_EQ(stage.firewall.requests.size(), 1U);
  const PinRequest& request = stage.firewall.requests[0];
  EXPECT_EQ(request.asked, Host("www.example.com"));
  EXPECT_EQ(request.rule_host, ".example.com");
  EXPECT_EQ(request.generation, 1U);
  EXPECT_EQ(request.told_s, 300U);
  EXPECT_EQ(request.addresses.size(), 2U);
  EXPECT_FALSE(stage.HasHeard(id)) << "the answer beat its pins";
  stage.FirewallSays(PinOutcome::kDone);
  EXPECT_EQ(stage.HeardOf(id).Addresses(), (Strings{"203.0.113.1", "203.0.113.2"}));
  stage.NothingIsLeft();
}

// After each of three changes the pins may not be there, or not for long enough.
TEST(PinStory, Trap1_ACacheHitPinsAgain) {
  const struct {
    std::string what;
    std::function<void(Stage&)> change;
  } rows[] = {
      {"dnspind is in doubt", [](Stage& stage) { stage.forwarder.DoubtPins(); }},
      {"another policy",
       [](Stage& stage) {
         ++stage.policy.generation;
         stage.forwarder.SetPolicy(stage.policy, stage.now);
       }},
      {"much less than could be told is left of them",
       [](Stage& stage) { stage.Pass(seconds(76)); }},
  };
  for (const auto& row : rows) {
    Stage stage(kRules);
    stage.Ask("www.example.com");
    stage.UpstreamSays({.answer = {Record4("www.example.com", 1, 10000)}});
    stage.FirewallDoesAll();
    row.change(stage);
    const auto id = stage.Ask("www.example.com");
    EXPECT_FALSE(stage.HasHeard(id)) << "told from the cache, unpinned: " << row.what;
    ASSERT_EQ(stage.firewall.requests.size(), 2U) << row.what;
    EXPECT_EQ(stage.firewall.requests.back().told_s, 300U) << row.what;
    stage.FirewallDoesAll();
    EXPECT_EQ(stage.HeardOf(id).answer.answer.at(0).ttl, 300U) << row.what;
    EXPECT_EQ(stage.network.sent.size(), 1U) << row.what;
    EXPECT_EQ(stage.counters.cache_hits, 1U) << row.what;
    stage.NothingIsLeft();
  }
}

// A hit is told no longer than its pins last, less the slack.
TEST(PinStory, AHitWhosePinsLastIsToldAtOnce) {
  const struct {
    uint32_t ttl;
    milliseconds age;
    uint32_t told;
  } rows[] = {
      {100, milliseconds(0), 100},    {100, milliseconds(100), 99},
      {100, milliseconds(20000), 80}, {100, milliseconds(99000), 1},
      {2000, milliseconds(1), 299},   {2000, milliseconds(75000), 225},
      {300, milliseconds(298999), 1},
  };
  for (const auto& row : rows) {
    Stage stage(kRules);
    stage.Ask("www.example.com");
    stage.UpstreamSays({.answer = {Record4("www.example.com", 1, row.ttl)}});
    stage.FirewallDoesAll();
    stage.Pass(row.age);
    stage.Ask("new.example.com");
    stage.UpstreamSays({.answer = {Record4("new.example.com", 2)}});
    stage.FirewallDoesAll();  // its word counts from now
    const auto id = stage.Ask("www.example.com");
    ASSERT_TRUE(stage.HasHeard(id)) << row.ttl << " after " << row.age.count();
    EXPECT_EQ(stage.HeardOf(id).Addresses(), Strings{"203.0.113.1"});
    EXPECT_EQ(stage.HeardOf(id).answer.answer.at(0).ttl, row.told)
        << row.ttl << " after " << row.age.count();
    EXPECT_EQ(stage.firewall.requests.size(), 2U);
    stage.NothingIsLeft();
  }
}

// One that stands still would not say what others did to the firewall.
TEST(PinStory, AHitIsToldAtOnceShortlyAfterDnspindsLastWordOnly) {
  Stage stage(kRules);
  stage.Ask("www.example.com");
  stage.UpstreamSays({.answer = {Record4("www.example.com", 1)}});
  stage.FirewallDoesAll();
  stage.Pass(milliseconds(4));
  EXPECT_TRUE(stage.HasHeard(stage.Ask("www.example.com")));
  stage.Pass(milliseconds(1));
  const auto renews = stage.Ask("www.example.com");
  EXPECT_FALSE(stage.HasHeard(renews));
  EXPECT_TRUE(stage.forwarder.Assured(stage.now)) << "one asks, the others are told meanwhile";
  stage.Pass(milliseconds(5));
  const auto late = stage.Ask("www.example.com");
  EXPECT_FALSE(stage.HasHeard(late));
  EXPECT_FALSE(stage.forwarder.Assured(stage.now));
  stage.FirewallDoesAll();
  EXPECT_TRUE(stage.HasHeard(renews) && stage.HasHeard(late));
  for (int word = 0; word < 100; ++word) {  // words that are asked for do not wear the pins down
    stage.Pass(milliseconds(10));
    const auto id = stage.Ask("www.example.com");
    EXPECT_FALSE(stage.HasHeard(id));
    stage.FirewallDoesAll();
    EXPECT_GE(stage.HeardOf(id).answer.answer.at(0).ttl, 298U) << word;
  }
  stage.NothingIsLeft();
}

// Only what the rules themselves list, and what is pinned for longer than it is told.
TEST(PinStory, WhatMayBeToldAgainUnseen) {
  Stage stage({"accept .example.com tcp 443", "accept dns"});
  const auto ask = [&](std::string_view name, const Message& answer) {
    stage.Ask(name);
    EXPECT_FALSE(stage.repeat_until) << name << ", which nobody knows yet";
    stage.UpstreamSays(answer);
    stage.FirewallDoesAll();
    stage.Ask(name);
    return stage.repeat_until.value_or(stage.now) - stage.now;
  };
  EXPECT_EQ(ask("long.example.com", {.answer = {Record4("long.example.com", 1, 9999)}}),
            seconds(75));
  EXPECT_EQ(ask("short.example.com", {.answer = {Record4("short.example.com", 1, 20)}}),
            seconds(5));
  EXPECT_EQ(ask("none.example.com", {.authority = {SoaOf("example.com", 30, 10)}}), seconds(10));
  EXPECT_EQ(ask("alias.example.com", {.answer = {AliasOf("alias.example.com", "target.test", 40),
                                                 Record4("target.test", 1)}}),
            seconds(10));
  EXPECT_EQ(ask("target.test", {.answer = {Record4("target.test", 1)}}), seconds(0)) << "granted";
  EXPECT_EQ(ask("other.test", {.answer = {Record4("other.test", 1)}}), seconds(0)) << "not pinned";
  stage.forwarder.DoubtPins();
  stage.Ask("long.example.com");
  EXPECT_FALSE(stage.repeat_until);
  stage.FirewallDoesAll();
  stage.NothingIsLeft();
}

// Doubt that comes between a request and its reply was dnspind's before it confirmed; what it had
// confirmed before the doubt does not count.
TEST(PinStory, DoubtIsOfWhatWasConfirmedBefore) {
  Stage stage(kRules);
  stage.Ask("www.example.com");
  stage.UpstreamSays({.answer = {Record4("www.example.com", 1)}});
  stage.forwarder.DoubtPins();
  stage.FirewallDoesAll();
  const auto after = stage.Ask("www.example.com");
  EXPECT_TRUE(stage.HasHeard(after));
  stage.forwarder.DoubtPins();
  const auto in_doubt = stage.Ask("www.example.com");
  EXPECT_FALSE(stage.HasHeard(in_doubt));
  stage.FirewallSays(PinOutcome::kFailed);
  EXPECT_EQ(stage.HeardOf(in_doubt).answer.rcode, dns::kServFail);
  const auto again = stage.Ask("www.example.com");
  EXPECT_FALSE(stage.HasHeard(again)) << "what failed was noted as pinned";
  stage.FirewallDoesAll();
  stage.NothingIsLeft();
}

TEST(PinStory, Trap3_HoweverLateTheKernelIsItComesFirst) {
  for (const int delay : {0, 50, 499, 500, 5000}) {
    Stage stage(kRules);
    const auto id = stage.Ask("www.example.com");
    stage.UpstreamSays({.answer = {Record4("www.example.com", 1)}});
    stage.Pass(milliseconds(delay));
    EXPECT_EQ(stage.HasHeard(id), delay >= 500) << delay;
    stage.FirewallSays(PinOutcome::kDone);
    const Heard heard = stage.HeardOf(id);
    if (delay < 500) {
      EXPECT_EQ(heard.Addresses(), Strings{"203.0.113.1"}) << delay;
    } else {
      EXPECT_EQ(heard.answer.rcode, dns::kServFail) << delay;
      EXPECT_EQ(heard.ede, dns::kEdeNotReady) << delay;
      EXPECT_EQ(heard.at, BootTime(seconds(1000)) + milliseconds(500)) << delay;
    }
    stage.NothingIsLeft();
  }
}

TEST(PinStory, Trap4_RetriesJoinAndEachGetsItsOwnReply) {
  Stage stage(kRules);
  std::vector<uint16_t> ids;
  const auto other_port = [](Question&, ReturnPath& path) { path.client.port = 50000; };
  ids.push_back(stage.Ask("www.example.com"));
  ids.push_back(stage.Ask("WWW.example.COM", dns::kA, other_port));
  EXPECT_EQ(stage.network.sent.size(), 1U) << "the upstream was asked twice";
  stage.UpstreamSays({.answer = {Record4("www.example.com", 1)}});
  ids.push_back(stage.Ask("www.Example.com", dns::kA, other_port));
  EXPECT_EQ(stage.firewall.requests.size(), 1U) << "the firewall was asked twice";
  stage.Pass(milliseconds(400));
  stage.FirewallDoesAll();
  EXPECT_EQ(stage.HeardOf(ids[0]).spelled, N("www.example.com"));
  EXPECT_EQ(stage.HeardOf(ids[0]).path.client.port, 40000);
  EXPECT_EQ(stage.HeardOf(ids[1]).spelled, N("WWW.example.COM"));
  EXPECT_EQ(stage.HeardOf(ids[1]).path.client.port, 50000);
  EXPECT_EQ(stage.HeardOf(ids[2]).spelled, N("www.Example.com"));
  stage.NothingIsLeft();
}

TEST(PinStory, OnlyEqualQuestionsShareAnAnswer) {
  Stage stage(kRules);
  stage.Ask("www.example.com");
  stage.Ask("www.example.com", dns::kAaaa);
  stage.Ask("www.example.com", dns::kA, [](Question& q, ReturnPath&) { q.dnssec_ok = true; });
  stage.Ask("www.example.com", dns::kA,
            [](Question& q, ReturnPath&) { q.checking_disabled = true; });
  EXPECT_EQ(stage.network.sent.size(), 4U);
  stage.Pass(seconds(3));
  stage.NothingIsLeft();
}

// An answer of `count` addresses; the firewall does what `outcome` says of the Nth request.
void ManyAddresses(size_t count, std::optional<size_t> failing) {
  Stage stage(kRules);
  const auto id = stage.Ask("www.example.com", dns::kA,
                            [](Question&, ReturnPath& path) { path.transport = Transport::kTcp; });
  Message message;
  for (size_t i = 0; i < count; ++i) {
    message.answer.push_back(Record4("www.example.com", static_cast<uint8_t>(i)));
  }
  stage.UpstreamSays(message);
  const size_t requests = (count + kAddressesPerRequest - 1) / kAddressesPerRequest;
  ASSERT_EQ(stage.firewall.requests.size(), requests);
  for (size_t i = 0; i < requests; ++i) {
    EXPECT_EQ(stage.HasHeard(id), failing && *failing < i) << "before the last was done";
    stage.FirewallSays(failing == i ? PinOutcome::kFailed : PinOutcome::kDone);
  }
  const Heard heard = stage.HeardOf(id);
  EXPECT_EQ(heard.Addresses().size(), failing ? 0 : count);
  EXPECT_EQ(heard.answer.rcode, failing ? dns::kServFail : dns::kNoError);
  stage.NothingIsLeft();
}

TEST(PinStory, ManyAddressesAreToldAfterTheLast) {
  for (const size_t count : {1U, 24U, 25U, 64U, 65U, 200U, 256U}) {
    ManyAddresses(count, std::nullopt);
  }
}

TEST(PinStory, WhicheverRequestFailsNothingIsTold) {
  for (size_t nth = 0; nth < 9; ++nth) {
    ManyAddresses(200, nth);
  }
}

TEST(PinStory, WhatTheFirewallSaysIsWhatTheClientGets) {
  const struct {
    PinOutcome outcome;
    uint8_t rcode;
    std::optional<uint16_t> ede;
  } rows[] = {
      {PinOutcome::kDone, dns::kNoError, std::nullopt},
      {PinOutcome::kQuota, dns::kServFail, dns::kEdeOther},
      {PinOutcome::kFailed, dns::kServFail, dns::kEdeNotReady},
  };
  for (const auto& row : rows) {
    Stage stage(kRules);
    const auto id = stage.Ask("www.example.com");
    stage.UpstreamSays({.answer = {Record4("www.example.com", 1)}});
    stage.FirewallSays(row.outcome);
    EXPECT_EQ(stage.HeardOf(id).answer.rcode, row.rcode);
    EXPECT_EQ(stage.HeardOf(id).ede, row.ede);
    EXPECT_EQ(stage.HeardOf(id).Addresses().size(), row.outcome == PinOutcome::kDone ? 1U : 0U);
    stage.NothingIsLeft();
  }
}

TEST(PinStory, RepliesForNobodyAreIgnored) {
  Stage stage(kRules);
  const auto id = stage.Ask("www.example.com");
  stage.UpstreamSays({.answer = {Record4("www.example.com", 1)}});
  stage.forwarder.OnPinReply({4711, PinOutcome::kDone}, stage.now);
  EXPECT_FALSE(stage.HasHeard(id)) << "a ticket of nobody's let it go";
  stage.FirewallSays(PinOutcome::kDone);
  stage.forwarder.OnPinReply({stage.firewall.requests[0].ticket, PinOutcome::kDone}, stage.now);
  EXPECT_EQ(stage.HeardOf(id).Addresses().size(), 1U);
  stage.NothingIsLeft();
}

TEST(PinStory, Trap20_SmallAndLargeTtls) {
  const struct {
    uint32_t ttl;
    uint32_t told;
    bool cached;
  } rows[] = {
      {0, 1, false},           {1, 1, true},           {299, 299, true},
      {300, 300, true},        {301, 300, true},       {86400, 300, true},
      {0x7FFFFFFF, 300, true}, {0x80000000, 1, false}, {0xFFFFFFFF, 1, false},
  };
  for (const auto& row : rows) {
    Stage stage(kRules);
    for (int round = 0; round < 2; ++round) {
      const auto id = stage.Ask("www.example.com");
      if (round == 0 || !row.cached) {
        stage.UpstreamSays({.answer = {Record4("www.example.com", 255, row.ttl)}});
      }
      EXPECT_EQ(stage.firewall.requests.back().told_s, row.told) << row.ttl;
      EXPECT_EQ(stage.firewall.requests.size(), round == 0 || row.cached ? 1U : 2U) << row.ttl;
      stage.FirewallDoesAll();
      EXPECT_EQ(stage.HeardOf(id).answer.answer.at(0).ttl, row.told) << row.ttl;
    }
    EXPECT_EQ(stage.network.sent.size(), row.cached ? 1U : 2U) << row.ttl;
    stage.NothingIsLeft();
  }
}

TEST(PinStory, TheChainIsToldNoLongerThanItsShortestLink) {
  Stage stage(kRules);
  const auto id = stage.Ask("www.example.com");
  stage.UpstreamSays({.answer = {AliasOf("www.example.com", "cdn.example.net", 200),
                                 AliasOf("cdn.example.net", "edge.example.net", 7),
                                 Record4("edge.example.net", 1, 100)}});
  EXPECT_EQ(stage.firewall.requests.at(0).told_s, 7U);
  stage.FirewallDoesAll();
  for (const Record& record : stage.HeardOf(id).answer.answer) {
    EXPECT_EQ(record.ttl, 7U);
  }
  stage.NothingIsLeft();
}

TEST(PinStory, AnAnswerOfAnotherFamilyPinsNothing) {
  Stage stage(kRules);
  stage.policy.addresses = {*Address::Parse("10.137.0.25")};
  stage.forwarder.SetPolicy(stage.policy, stage.now);
  const auto id = stage.Ask("www.example.com", dns::kAaaa);
  stage.UpstreamSays({.answer = {RecordOf("www.example.com", "2001:db8::1")}});
  EXPECT_TRUE(stage.firewall.requests.empty());
  EXPECT_EQ(stage.HeardOf(id).answer.rcode, dns::kNoError);
  EXPECT_TRUE(stage.HeardOf(id).Addresses().empty());
  stage.NothingIsLeft();
}

TEST(PinStory, OpenRequestsAreBounded) {
  Stage stage(kRules);
  Message many;
  for (size_t i = 0; i < 240; ++i) {
    many.answer.push_back(ARecord(kToQuestion, dns::kA, V4(203, 0, 113, static_cast<uint8_t>(i))));
  }
  constexpr size_t kNames = 200;  // ten requests each
  for (size_t i = 0; i < kNames; ++i) {
    stage.Ask("n" + std::to_string(i) + ".example.com", dns::kA,
              [](Question&, ReturnPath& path) { path.transport = Transport::kTcp; });
    stage.UpstreamSays(many);
  }
  EXPECT_EQ(stage.firewall.requests.size(), kRequestsOpenMax);
  while (stage.firewall.taken < stage.firewall.requests.size()) {
    EXPECT_LE(stage.firewall.requests.size() - stage.firewall.taken, kRequestsOpenMax);
    stage.FirewallSays(PinOutcome::kDone);
  }
  EXPECT_EQ(stage.firewall.requests.size(), kNames * 10);
  EXPECT_EQ(stage.counters.answered, kNames);
  stage.NothingIsLeft();
}

TEST(PinStory, WhatNoReplyCameForKeepsItsPlace) {
  Stage stage(kRules);
  for (size_t i = 0; i < kRequestsOpenMax; ++i) {
    stage.Ask("n" + std::to_string(i) + ".example.com");
    stage.UpstreamSays({.answer = {ARecord(kToQuestion, dns::kA, V4(203, 0, 113, 1))}});
  }
  stage.Pass(seconds(1));  // all of them are given up
  EXPECT_EQ(stage.counters.failed, kRequestsOpenMax);
  for (size_t i = 0; i < 100; ++i) {
    stage.Ask("unsent" + std::to_string(i) + ".example.com");
    stage.UpstreamSays({.answer = {ARecord(kToQuestion, dns::kA, V4(203, 0, 113, 1))}});
  }
  stage.Pass(seconds(1));
  const auto late = stage.Ask("late.example.com");
  stage.UpstreamSays({.answer = {ARecord(kToQuestion, dns::kA, V4(203, 0, 113, 1))}});
  EXPECT_EQ(stage.firewall.requests.size(), kRequestsOpenMax) << "dnspind owes that many replies";
  stage.FirewallDoesAll();
  EXPECT_EQ(stage.firewall.requests.size(), kRequestsOpenMax + 1) << "nobody waits for the others";
  EXPECT_EQ(stage.HeardOf(late).Addresses().size(), 1U);
  stage.NothingIsLeft();
}

}  // namespace
}  // namespace dnspin
