// Names that nobody asks for: those of drop rules, and exact names of accept rules.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <numeric>

#include "pinning/drop_names.h"
#include "resolver/standing_answer.h"
#include "tests/scenario/resolver_stage.h"

namespace dnspin::stage {
namespace {

using Strings = std::vector<std::string>;

const Message kNameError = {.flags = 0x8183, .authority = {SoaOf("example.com", 60, 60)}};
const Message kServerFailure = {.flags = 0x8182};
const Message kNoData = {.authority = {SoaOf("example.com", 60, 60)}};

Message Addresses(uint8_t last, uint32_t ttl = 60) {
  return {.answer = {ARecord(kToQuestion, dns::kA, V4(203, 0, 113, last), ttl)}};
}

// "ads.example.com A" for each question since `from`.
Strings Asked(const Stage& stage, size_t from = 0) {
  Strings asked;
  for (size_t i = from; i < stage.network.sent.size(); ++i) {
    const Question& question = stage.network.sent[i].question;
    asked.push_back(question.asked.Text() + (question.type == dns::kA ? " A" : " AAAA"));
  }
  return asked;
}

size_t TimesAsked(const Stage& stage, const std::string& what) {
  const Strings asked = Asked(stage);
  return static_cast<size_t>(std::count(asked.begin(), asked.end(), what));
}

// Time passes; whatever is asked gets this answer at once, and the firewall takes all pins.
void AnswerAll(Stage& stage, const Message& message, seconds within) {
  const BootTime until = stage.now + within;
  size_t answered = stage.network.sent.size();
  while (stage.now < until) {
    stage.Pass(milliseconds(20));
    for (; answered < stage.network.sent.size(); ++answered) {
      const Sent sent = stage.network.sent[answered];
      stage.Arrives(sent, Stage::ReplyTo(sent, message));
      stage.FirewallDoesAll();
    }
  }
}

TEST(StandingStory, DroppedNamesAreResolvedInTheFamiliesOfTheClient) {
  Stage stage({"drop ads.example.com", "accept .example.com", "drop ads.example.com udp"});
  stage.Pass(milliseconds(100));
  EXPECT_EQ(Asked(stage), (Strings{"ads.example.com A", "ads.example.com AAAA"}));
  stage.Arrives(stage.network.sent[0], Stage::ReplyTo(stage.network.sent[0], Addresses(7)));
  ASSERT_EQ(stage.firewall.dropped.size(), 1U);
  const DropAddresses& said = stage.firewall.dropped[0];
  EXPECT_EQ(said.name, *Name::FromHost("ads.example.com"));
  EXPECT_EQ(said.addresses, std::vector{*Address::Parse("203.0.113.7")});
  EXPECT_TRUE(said.first && said.last);
  EXPECT_TRUE(stage.firewall.requests.empty()) << "nothing is pinned";
  EXPECT_EQ(stage.counters.questions, 0U);
  EXPECT_EQ(stage.counters.upstream_questions, 2U);
}

TEST(StandingStory, ThatNothingIsThereIsAnAnswer) {
  for (const Message& message : {kNameError, kNoData}) {
    Stage stage({"drop ads.example.com", "accept"});
    AnswerAll(stage, message, seconds(1));
    ASSERT_EQ(stage.firewall.dropped.size(), 2U);
    EXPECT_TRUE(stage.firewall.dropped[0].addresses.empty());
    EXPECT_EQ(stage.firewall.dropped[1].family, Family::kIpv6);
  }
}

TEST(StandingStory, AnAliasLeadsToWhatIsDropped) {
  Stage stage({"drop ads.example.com", "accept"});
  AnswerAll(stage,
            {.answer = {AliasOf("ads.example.com", "cdn.example.net"),
                        RecordOf("cdn.example.net", "10.0.0.1"),
                        RecordOf("cdn.example.net", "203.0.113.9"),
                        RecordOf("other.example.net", "203.0.113.10")}},
            seconds(1));
  ASSERT_FALSE(stage.firewall.dropped.empty());
  EXPECT_EQ(stage.firewall.dropped[0].addresses,
            (std::vector{*Address::Parse("10.0.0.1"), *Address::Parse("203.0.113.9")}))
      << "private ones as well: to drop them does no harm";
}

TEST(StandingStory, FailuresSayNothingAndAreTriedAgainWithGrowingPauses) {
  Stage stage({"drop ads.example.com", "accept"});
  AnswerAll(stage, kServerFailure, seconds(3600));
  EXPECT_TRUE(stage.firewall.dropped.empty());
  // 1 + 2 + 4 s, then every 5 s.
  const size_t asked = TimesAsked(stage, "ads.example.com A");
  EXPECT_GE(asked, 700U);
  EXPECT_LE(asked, 3 * 725U) << "each may be tried at another server, or once more";
  AnswerAll(stage, Addresses(7), seconds(6));
  EXPECT_FALSE(stage.firewall.dropped.empty()) << "once it resolves, it does";
}

TEST(StandingStory, SilenceSaysNothing) {
  Stage stage({"drop ads.example.com", "accept"});
  stage.Pass(seconds(600));
  EXPECT_TRUE(stage.firewall.dropped.empty());
  EXPECT_LE(TimesAsked(stage, "ads.example.com A"), 3 * 120U);
}

TEST(StandingStory, ADefiniteAnswerIsAskedAnewAtItsEnd) {
  Stage stage({"drop ads.example.com", "accept"});
  AnswerAll(stage, Addresses(7, 60), seconds(50));
  EXPECT_EQ(TimesAsked(stage, "ads.example.com A"), 1U);
  AnswerAll(stage, Addresses(7, 60), seconds(20));
  EXPECT_EQ(TimesAsked(stage, "ads.example.com A"), 2U);
}

TEST(StandingStory, NoTtlIsShorterThanFiveSecondsNorLongerThanToldMax) {
  for (const uint32_t ttl : {0U, 1U, 86400U}) {
    Stage stage({"drop ads.example.com", "accept"});
    AnswerAll(stage, Addresses(7, ttl), seconds(600));
    const size_t expected = ttl > 5 ? 2 : 120;
    EXPECT_NEAR(static_cast<double>(TimesAsked(stage, "ads.example.com A")),
                static_cast<double>(expected), 3)
        << ttl;
  }
}

TEST(StandingStory, OfAllClientsTogetherFiftyASecond) {
  Strings rules;
  for (int i = 0; i < 300; ++i) {
    rules.push_back(fmt::format("drop x{}.example.com", i));
  }
  Stage stage(rules);
  AnswerAll(stage, kNameError, seconds(1));
  EXPECT_LE(stage.network.sent.size(), 51U);
  EXPECT_GE(stage.network.sent.size(), 49U);
  AnswerAll(stage, kNameError, seconds(40));
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(TimesAsked(stage, fmt::format("x{}.example.com A", i)) > 0, i < 256) << i;
  }
}

TEST(StandingStory, OnesOwnNamesAreNotAskedOfAnUpstream) {
  Stage stage({"drop localhost", "drop use-application-dns.net", "accept"});
  stage.Pass(seconds(1));
  EXPECT_TRUE(stage.network.sent.empty());
  EXPECT_EQ(stage.firewall.dropped.size(), 4U) << "nothing is there to drop, definitely";
}

TEST(StandingStory, AnAnswerForANameThatIsNoLongerDroppedIsNotSaid) {
  Stage stage({"drop ads.example.com", "accept"});
  stage.Pass(milliseconds(100));
  stage.policy.rules = RulesOf({"accept"});
  ++stage.policy.generation;
  stage.forwarder.SetPolicy(stage.policy, stage.now);
  for (const Sent& sent : std::vector<Sent>(stage.network.sent)) {
    stage.Arrives(sent, Stage::ReplyTo(sent, Addresses(7)));
  }
  EXPECT_TRUE(stage.firewall.dropped.empty());
  stage.NothingIsLeft();
}

TEST(StandingStory, AReloadAsksOnlyForWhatIsNew) {
  Stage stage({"drop ads.example.com", "accept"});
  AnswerAll(stage, Addresses(7, 250), seconds(1));
  stage.policy.rules = RulesOf({"drop new.example.com", "drop ads.example.com", "accept"});
  ++stage.policy.generation;
  stage.forwarder.SetPolicy(stage.policy, stage.now);
  const size_t before = stage.network.sent.size();
  AnswerAll(stage, Addresses(7, 250), seconds(1));
  EXPECT_EQ(Asked(stage, before), (Strings{"new.example.com A", "new.example.com AAAA"}));
  // Another network may know other answers.
  stage.policy.upstreams.front().interface = "wlan0";
  stage.forwarder.SetPolicy(stage.policy, stage.now);
  AnswerAll(stage, Addresses(7, 250), seconds(1));
  EXPECT_EQ(TimesAsked(stage, "ads.example.com A"), 2U);
}

TEST(StandingStory, AQuestionAndAStandingOneShareTheirAnswer) {
  Stage stage({"drop ads.example.com tcp 80", "accept ads.example.com"});
  stage.Pass(milliseconds(0));
  const auto id = stage.Ask("ads.example.com");
  stage.UpstreamSays(Addresses(7));
  EXPECT_EQ(stage.network.sent.size(), 1U);
  EXPECT_EQ(stage.HeardOf(id).ede, dns::kEdeNotReady);
  EXPECT_EQ(stage.firewall.dropped.size(), 1U);
}

TEST(StandingStory, ManyAddressesComeInPiecesInOrder) {
  Stage stage({"drop ads.example.com", "accept"});
  Message message;
  for (uint8_t i = 0; i < 60; ++i) {
    message.answer.push_back(ARecord(kToQuestion, dns::kA, V4(203, 0, 113, i), 60));
  }
  stage.Pass(milliseconds(0));
  stage.UpstreamSays(message);
  ASSERT_EQ(stage.firewall.dropped.size(), 3U);
  EXPECT_TRUE(stage.firewall.dropped[0].first && !stage.firewall.dropped[0].last);
  EXPECT_TRUE(!stage.firewall.dropped[1].first && !stage.firewall.dropped[1].last);
  EXPECT_TRUE(!stage.firewall.dropped[2].first && stage.firewall.dropped[2].last);
  DropNames drops;
  drops.Follow(stage.policy.rules);
  for (const DropAddresses& piece : stage.firewall.dropped) {
    drops.Take(piece);
  }
  EXPECT_EQ(drops.AddressesOf(*Name::FromHost("ads.example.com"), Family::kIpv4)->size(), 60U);
}

TEST(StandingStory, AChainOpensSecondsAfterTheUpstreamIsBack) {
  Strings rules;
  for (int i = 0; i < 20; ++i) {
    rules.push_back(fmt::format("drop x{}.example.com", i));
  }
  Stage stage(rules);
  stage.Pass(seconds(3600));
  EXPECT_TRUE(stage.firewall.dropped.empty());
  AnswerAll(stage, Addresses(7), seconds(8));
  EXPECT_EQ(stage.firewall.dropped.size(), 40U);
}

// Prefetch.

struct Prefetching : Stage {
  explicit Prefetching(const Strings& rules) : Stage(Strings{}) { Change(rules); }
  void Change(const Strings& rules) {
    policy.rules = RulesOf(rules);
    Close(policy);
    policy.prefetch.resize(policy.rules.size());
    std::iota(policy.prefetch.begin(), policy.prefetch.end(), 0U);
    ++policy.generation;
    forwarder.SetPolicy(policy, now);
  }
};

TEST(PrefetchStory, ExactNamesOfAcceptRulesArePinnedUnasked) {
  Prefetching stage({"accept www.example.com tcp 443", "accept .example.net",
                     "accept dsthost=q.example.com specialtarget=dns", "drop"});
  stage.Pass(milliseconds(100));
  EXPECT_EQ(Asked(stage), (Strings{"www.example.com A", "www.example.com AAAA"}));
  const Sent sent = stage.network.sent[0];
  stage.Arrives(sent, Stage::ReplyTo(sent, Addresses(7)));
  ASSERT_EQ(stage.firewall.requests.size(), 1U);
  const PinRequest& request = stage.firewall.requests[0];
  EXPECT_TRUE(request.unasked);
  EXPECT_EQ(request.told_s, 60U);
  EXPECT_EQ(request.rule_host, "www.example.com");
  EXPECT_EQ(request.addresses, std::vector{*Address::Parse("203.0.113.7")});
  stage.FirewallDoesAll();
  EXPECT_EQ(stage.counters.questions, 0U);
  EXPECT_EQ(stage.counters.answered, 0U);
}

TEST(PrefetchStory, WhatFailedIsFetchedAsSoonAsAnUpstreamAnswersAgain) {
  Prefetching stage({"accept www.example.com", "accept .example.net"});
  stage.Pass(seconds(3600));
  const size_t before = TimesAsked(stage, "www.example.com A");
  stage.Pass(seconds(10));
  ASSERT_EQ(TimesAsked(stage, "www.example.com A"), before) << "its pause is long";
  stage.Ask("a.example.net");
  stage.UpstreamSays(Addresses(8));
  AnswerAll(stage, Addresses(7), seconds(1));
  EXPECT_EQ(TimesAsked(stage, "www.example.com A"), before + 1);
  EXPECT_EQ(stage.firewall.requests.size(), 2U);
}

TEST(PrefetchStory, WithoutTheSettingNothingIsAsked) {
  Stage stage({"accept www.example.com"});
  stage.Pass(seconds(10));
  EXPECT_TRUE(stage.network.sent.empty());
}

TEST(PrefetchStory, APinNeverEndsBeforeItIsRenewed) {
  for (const uint32_t ttl : {0U, 1U, 20U, 300U, 86400U}) {
    for (const auto& [floor, slack] : {std::pair(7, 6), std::pair(2, 0), std::pair(300, 30)}) {
      Prefetching stage({"accept www.example.com"});
      stage.policy.terms.floor = seconds(floor);
      stage.policy.terms.slack = seconds(slack);
      stage.Change({"accept www.example.com"});
      BootTime until = stage.now + seconds(1);  // the pin's end
      size_t seen = 0;
      for (int i = 0; i < 1000; ++i) {
        AnswerAll(stage, Addresses(7, ttl), seconds(1));
        ASSERT_LT(stage.now, until + seconds(1)) << ttl << " " << floor;
        for (; seen < stage.firewall.requests.size(); ++seen) {
          const seconds told(stage.firewall.requests[seen].told_s);
          until = stage.now + PinLife(told, stage.policy.terms);
        }
        ASSERT_LE(stage.now, until) << "TTL " << ttl << ", floor " << floor << " s";
      }
      EXPECT_GT(seen, 3U);
    }
  }
}

TEST(PrefetchStory, WhatTheQuotaRefusesIsTriedAgainLater) {
  Prefetching stage({"accept www.example.com"});
  stage.Pass(milliseconds(0));
  stage.UpstreamSays(Addresses(7));
  const auto id = stage.Ask("www.example.com");
  ASSERT_EQ(stage.firewall.requests.size(), 2U) << "a question does not wait for what yields";
  EXPECT_FALSE(stage.firewall.requests[1].unasked);
  stage.FirewallSays(PinOutcome::kQuota);
  EXPECT_FALSE(stage.HasHeard(id));
  stage.FirewallSays(PinOutcome::kDone);
  EXPECT_EQ(stage.HeardOf(id).Addresses(), Strings{"203.0.113.7"});
  const size_t before = stage.network.sent.size();
  AnswerAll(stage, Addresses(7), seconds(3));
  EXPECT_GT(stage.network.sent.size(), before + 1);
}

TEST(PrefetchStory, LineagesAreJudgedAsForAQuestion) {
  Prefetching stage({"drop .ads.example.net", "accept www.example.com"});
  AnswerAll(stage,
            {.answer = {AliasOf("www.example.com", "x.ads.example.net"),
                        RecordOf("x.ads.example.net", "203.0.113.9")}},
            seconds(3));
  EXPECT_TRUE(stage.firewall.requests.empty());
  Prefetching other({"accept www.example.com"});
  AnswerAll(other, {.answer = {RecordOf("www.example.com", "10.0.0.1")}}, seconds(3));
  EXPECT_TRUE(other.firewall.requests.empty()) << "a private address";
}

TEST(PrefetchStory, BehindAClosedChainNothingIsFetchedYet) {
  Prefetching stage({"drop ads.example.com", "accept www.example.com"});
  AnswerAll(stage, kServerFailure, seconds(5));
  EXPECT_EQ(TimesAsked(stage, "www.example.com A"), 0U);
  stage.policy.closed_from = 2;
  ++stage.policy.generation;
  stage.forwarder.SetPolicy(stage.policy, stage.now);
  stage.Pass(seconds(1));
  EXPECT_GE(TimesAsked(stage, "www.example.com A"), 1U);
}

}  // namespace
}  // namespace dnspin::stage
