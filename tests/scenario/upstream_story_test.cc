// Stories of upstream servers, honest, slow, broken and forged (hardening.md 1b). "Trap N" is row N
// of the table of instructive bugs.

#include "tests/scenario/resolver_stage.h"

namespace dnspin {
namespace {

using namespace stage;  // NOLINT: the vocabulary of the stories

using Strings = std::vector<std::string>;
const Strings kRules = {"accept specialtarget=dns"};
const Message kAnswer = {.answer = {ARecord(kToQuestion, dns::kA, V4(203, 0, 113, 1))}};

// With servers 192.0.2.1, 192.0.2.2, ...
Stage& With(Stage& stage, int servers) {
  stage.policy.upstreams.clear();
  for (int i = 1; i <= servers; ++i) {
    stage.policy.upstreams.push_back({*Endpoint::Parse("192.0.2." + std::to_string(i)), "eth0"});
  }
  stage.forwarder.SetPolicy(stage.policy, stage.now);
  return stage;
}

std::string ServerOf(const Sent& sent) { return sent.server.endpoint.address.Text(); }

TEST(UpstreamStory, IdsPortsAndSpellingAreFreshEachTime) {
  Stage stage(kRules);
  std::set<uint16_t> ids;
  std::set<std::string> spellings;
  for (int i = 0; i < 300; ++i) {
    stage.Ask("a-name-with-many-letters.test", static_cast<uint16_t>(1000 + i));
    ids.insert(stage.LastSent().question.id);
    spellings.insert(stage.LastSent().question.asked_wire);
  }
  EXPECT_GT(ids.size(), 290U);
  EXPECT_GT(spellings.size(), 290U);
  EXPECT_EQ(stage.network.open.size(), 300U) << "a socket each";
  stage.Pass(seconds(3));
  stage.NothingIsLeft();
}

// What is not the answer is ignored, and the answer that comes after is taken.
TEST(UpstreamStory, Trap12_ForgeriesAreIgnored) {
  const struct {
    const char* story;
    std::function<void(Message&)> forge;
  } rows[] = {
      {"another ID", [](Message& m) { ++m.id; }},
      {"another name", [](Message& m) { m.asked = N("other.test"); }},
      {"another type", [](Message& m) { m.type = dns::kAaaa; }},
      {"another class", [](Message& m) { m.klass = dns::kChaos; }},
      {"no question", [](Message& m) { m.questions = 0; }},
      {"two questions", [](Message& m) { m.questions = 2; }},
      {"a question, not a reply", [](Message& m) { m.flags = 0x0100; }},
      {"another opcode", [](Message& m) { m.flags = 0xA980; }},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    Stage stage(kRules);
    const auto id = stage.Ask("www.test");
    const Sent sent = stage.LastSent();
    Message forged{.id = sent.question.id, .asked = sent.question.asked_wire};
    forged.answer = {ARecord(kToQuestion, dns::kA, V4(203, 0, 113, 66))};
    row.forge(forged);
    stage.Arrives(sent, forged.Wire());
    stage.Arrives(sent, "");
    EXPECT_FALSE(stage.HasHeard(id));
    EXPECT_EQ(stage.network.sent.size(), 1U);
    EXPECT_EQ(stage.counters.forgeries, 2U);
    stage.UpstreamSays(kAnswer);
    EXPECT_EQ(stage.HeardOf(id).Addresses(), Strings{"203.0.113.1"});
    stage.NothingIsLeft();
  }
}

TEST(UpstreamStory, AfterThreeForgeriesItIsTcp) {
  Stage stage(kRules);
  const auto id = stage.Ask("www.test");
  const Sent sent = stage.LastSent();
  for (int guess = 1; guess <= 3; ++guess) {
    EXPECT_EQ(stage.network.sent.size(), 1U);
    stage.Arrives(sent, Message{.id = static_cast<uint16_t>(sent.question.id + guess),
                                .asked = sent.question.asked_wire}
                            .Wire());
  }
  EXPECT_EQ(stage.LastSent().transport, Transport::kTcp);
  EXPECT_FALSE(stage.network.open.contains(sent.socket)) << "the guessed-at socket is open";
  stage.UpstreamSays(kAnswer);
  EXPECT_EQ(stage.HeardOf(id).Addresses().size(), 1U);
  stage.NothingIsLeft();
}

TEST(UpstreamStory, WhatCameInFragmentsIsAskedOverTcpAndNothingOfItIsTaken) {
  Stage stage({"accept .example.com"});
  const auto id = stage.Ask("www.example.com");
  stage.Arrives(stage.LastSent(),
                Stage::ReplyTo(stage.LastSent(), {.answer = {Record4("www.example.com", 66)}}),
                Carriage::kInFragments);
  EXPECT_TRUE(stage.firewall.requests.empty());
  ASSERT_EQ(stage.LastSent().transport, Transport::kTcp);
  stage.UpstreamSays({.answer = {Record4("www.example.com", 1)}});
  stage.FirewallDoesAll();
  EXPECT_EQ(stage.HeardOf(id).Addresses(), Strings{"203.0.113.1"});
  stage.NothingIsLeft();
}

TEST(UpstreamStory, FragmentsOfWhatIsNoAnswerAreIgnored) {
  Stage stage({"accept .example.com"});
  const auto id = stage.Ask("www.example.com");
  Message forged{.id = static_cast<uint16_t>(stage.LastSent().question.id + 1),
                 .asked = stage.LastSent().question.asked_wire};
  stage.Arrives(stage.LastSent(), forged.Wire(), Carriage::kInFragments);
  EXPECT_EQ(stage.network.sent.size(), 1U);
  stage.UpstreamSays({.answer = {Record4("www.example.com", 1)}});
  stage.FirewallDoesAll();
  EXPECT_EQ(stage.HeardOf(id).Addresses(), Strings{"203.0.113.1"});
  stage.NothingIsLeft();
}

// The question comes back in lower case.
std::string InLowerCase(const Sent& sent, Message message) {
  message.id = sent.question.id;
  message.asked = sent.question.asked.Wire();
  return message.Wire();
}

TEST(UpstreamStory, AServerThatDoesNotKeepCaseIsLearntOverTcpOnly) {
  Stage stage(kRules);
  const auto first = stage.Ask("a-name-with-many-letters.test");
  stage.Arrives(stage.LastSent(), InLowerCase(stage.LastSent(), kAnswer));
  EXPECT_FALSE(stage.HasHeard(first));
  ASSERT_EQ(stage.LastSent().transport, Transport::kTcp);
  stage.Arrives(stage.LastSent(), InLowerCase(stage.LastSent(), kAnswer));
  EXPECT_EQ(stage.HeardOf(first).Addresses().size(), 1U);
  const auto second = stage.Ask("another-name-with-letters.test");
  EXPECT_EQ(stage.LastSent().transport, Transport::kUdp);
  EXPECT_EQ(stage.LastSent().question.asked_wire, N("another-name-with-letters.test"));
  stage.UpstreamSays(kAnswer);
  EXPECT_EQ(stage.HeardOf(second).Addresses().size(), 1U);
  EXPECT_EQ(stage.network.sent.size(), 3U);
  stage.NothingIsLeft();
}

TEST(UpstreamStory, AForgerOfCaseTeachesNothing) {
  Stage stage(kRules);
  stage.Ask("a-name-with-many-letters.test");
  stage.Arrives(stage.LastSent(), InLowerCase(stage.LastSent(), kAnswer));
  stage.UpstreamSays(kAnswer);  // over TCP, and the server does keep case
  stage.Ask("another-name-with-letters.test");
  EXPECT_NE(stage.LastSent().question.asked_wire, N("another-name-with-letters.test"));
  stage.UpstreamSays(kAnswer);
  stage.NothingIsLeft();
}

TEST(UpstreamStory, Trap7_ATruncatedAnswerIsAskedOverTcpAndNothingOfItIsTaken) {
  Stage stage({"accept .example.com"});
  const auto id = stage.Ask("www.example.com");
  Message cut = kAnswer;
  cut.flags = 0x8380;
  stage.UpstreamSays(cut);
  EXPECT_TRUE(stage.firewall.requests.empty()) << "a part of an answer was pinned";
  ASSERT_EQ(stage.LastSent().transport, Transport::kTcp);
  stage.UpstreamSays({.answer = {Record4("www.example.com", 1), Record4("www.example.com", 2)}});
  stage.FirewallDoesAll();
  EXPECT_EQ(stage.HeardOf(id).Addresses().size(), 2U);

  const auto failed = stage.Ask("x.example.com");
  stage.UpstreamSays(cut);
  stage.Breaks(stage.LastSent());
  EXPECT_EQ(stage.HeardOf(failed).ede, dns::kEdeNetworkError) << "never the partial answer";
  const auto again = stage.Ask("y.example.com");
  stage.UpstreamSays(cut);
  stage.UpstreamSays(cut);
  EXPECT_EQ(stage.HeardOf(again).answer.rcode, dns::kServFail) << "truncated over TCP";
  stage.NothingIsLeft();
}

TEST(UpstreamStory, SilenceIsAskedAgainAndEndsInTwoSeconds) {
  Stage stage(kRules);
  const auto id = stage.Ask("www.test");
  const BootTime asked = stage.now;
  stage.Pass(seconds(5));
  EXPECT_EQ(stage.HeardOf(id).answer.rcode, dns::kServFail);
  EXPECT_EQ(stage.HeardOf(id).ede, dns::kEdeNoReachableAuthority);
  EXPECT_EQ(stage.HeardOf(id).at, asked + seconds(2));
  ASSERT_EQ(stage.network.sent.size(), 3U);
  for (const int i : {1, 2}) {
    const auto pause = stage.network.sent[i].at - stage.network.sent[i - 1].at;
    EXPECT_GE(pause, i * milliseconds(400));
    EXPECT_LE(pause, i * milliseconds(400) + milliseconds(200));
  }
  stage.NothingIsLeft();
}

TEST(UpstreamStory, ALateAnswerOfTheFirstSendIsStillGood) {
  Stage stage(kRules);
  const auto id = stage.Ask("www.test");
  const Sent first = stage.LastSent();
  stage.Pass(milliseconds(1600));
  EXPECT_EQ(stage.network.sent.size(), 3U);
  stage.Arrives(first, Stage::ReplyTo(first, kAnswer));
  EXPECT_EQ(stage.HeardOf(id).Addresses().size(), 1U);
  stage.NothingIsLeft();
}

TEST(UpstreamStory, AServerThatRefusesIsNotTheLastWord) {
  for (const uint16_t flags :
       std::vector<uint16_t>{0x8182, 0x8185, 0x8184}) {  // SERVFAIL, REFUSED, NOTIMP
    Stage stage(kRules);
    With(stage, 2);
    const auto id = stage.Ask("a.test");
    stage.UpstreamSays({.flags = flags});
    EXPECT_FALSE(stage.HasHeard(id));
    EXPECT_EQ(ServerOf(stage.LastSent()), "192.0.2.2");
    stage.UpstreamSays(kAnswer);
    EXPECT_EQ(stage.HeardOf(id).Addresses().size(), 1U);
    const auto both = stage.Ask("b.test");
    stage.UpstreamSays({.flags = flags});
    stage.UpstreamSays({.flags = flags});
    EXPECT_EQ(stage.HeardOf(both).answer.rcode, dns::kServFail);
    stage.NothingIsLeft();
  }
}

TEST(UpstreamStory, AServerWithoutEdnsIsAskedWithout) {
  Stage stage(kRules);
  const auto id = stage.Ask("www.test");
  stage.UpstreamSays({.flags = 0x8181});  // FORMERR
  EXPECT_EQ(stage.network.sent.size(), 2U);
  EXPECT_FALSE(stage.LastSent().question.edns);
  stage.UpstreamSays(kAnswer);
  EXPECT_EQ(stage.HeardOf(id).Addresses().size(), 1U);
  const auto never = stage.Ask("x.test");
  stage.UpstreamSays({.flags = 0x8181});
  stage.UpstreamSays({.flags = 0x8181});
  EXPECT_EQ(stage.HeardOf(never).answer.rcode, dns::kServFail);
  EXPECT_EQ(stage.network.sent.size(), 4U) << "once without is enough";
  stage.NothingIsLeft();
}

TEST(UpstreamStory, AnIcmpErrorHurriesAndEndsNothing) {
  Stage stage(kRules);
  const auto id = stage.Ask("www.test");
  stage.Breaks(stage.LastSent());
  stage.Pass(milliseconds(300));
  EXPECT_FALSE(stage.HasHeard(id));
  EXPECT_EQ(stage.network.sent.size(), 1U);
  stage.UpstreamSays(kAnswer);
  EXPECT_EQ(stage.HeardOf(id).Addresses().size(), 1U) << "anyone can send such an error";

  Stage two(kRules);
  With(two, 2);
  two.Ask("www.test");
  two.Breaks(two.LastSent());
  two.Pass(milliseconds(30));
  EXPECT_EQ(ServerOf(two.LastSent()), "192.0.2.2");
  two.Pass(seconds(2));
  stage.NothingIsLeft();
  two.NothingIsLeft();
}

TEST(UpstreamStory, WhereNothingCanBeSentItFailsAtOnce) {
  Stage stage(kRules);
  With(stage, 2);
  stage.network.unreachable = {"192.0.2.1:53"};
  const auto first = stage.Ask("a.test");
  EXPECT_EQ(ServerOf(stage.LastSent()), "192.0.2.2");
  stage.UpstreamSays(kAnswer);
  EXPECT_EQ(stage.HeardOf(first).Addresses().size(), 1U);
  stage.network.unreachable.insert("192.0.2.2:53");
  const auto second = stage.Ask("b.test");
  EXPECT_FALSE(stage.HasHeard(second));
  stage.Pass(milliseconds(0));
  EXPECT_EQ(stage.HeardOf(second).ede, dns::kEdeNetworkError);
  stage.Pass(seconds(3));
  stage.NothingIsLeft();
}

TEST(UpstreamStory, AnAnswerThatCannotBeReadIsNotTaken) {
  Stage stage(kRules);
  With(stage, 2);
  const Message lie{.answer = {LyingRecord(kToQuestion, dns::kA, V4(203, 0, 113, 66), 8)}};
  const auto id = stage.Ask("a.test");
  stage.UpstreamSays(lie);
  EXPECT_EQ(ServerOf(stage.LastSent()), "192.0.2.2");
  stage.UpstreamSays(kAnswer);
  EXPECT_EQ(stage.HeardOf(id).Addresses(), Strings{"203.0.113.1"});
  const auto both = stage.Ask("b.test");
  stage.UpstreamSays(lie);
  stage.UpstreamSays(lie);
  EXPECT_EQ(stage.HeardOf(both).ede, dns::kEdeInvalidData);
  stage.NothingIsLeft();
}

TEST(UpstreamStory, AnAnswerCutAnywhereIsNoAnswer) {
  Stage stage(kRules);
  stage.Ask("www.test");
  const std::string whole = Stage::ReplyTo(stage.LastSent(), kAnswer);
  stage.Pass(seconds(3));
  for (size_t octets = 0; octets < whole.size(); ++octets) {
    Stage cut(kRules);
    const auto id = cut.Ask("www.test");
    cut.Arrives(cut.LastSent(), Stage::ReplyTo(cut.LastSent(), kAnswer).substr(0, octets));
    cut.Pass(seconds(3));
    EXPECT_TRUE(cut.HeardOf(id).Addresses().empty()) << octets;
    EXPECT_EQ(cut.HeardOf(id).answer.rcode, dns::kServFail) << octets;
    cut.NothingIsLeft();
  }
}

}  // namespace
}  // namespace dnspin
