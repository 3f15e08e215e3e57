// Stories of answers that other servers gave, which wait until they are judged and pinned (snoop
// mode). The same judgement as of what we asked for ourselves: here only what is different.

#include "tests/scenario/resolver_stage.h"

namespace dnspin {
namespace {

using namespace stage;  // NOLINT: the vocabulary of the stories

using Strings = std::vector<std::string>;
const Strings kRules = {"accept .example.com tcp 443", "drop ads.test", "accept specialtarget=dns"};

// An answer to `name` arrives at the queue; returns the ID that its reply will be heard under.
uint16_t Held(Stage& stage, const std::string& name, std::vector<Record> records,
              bool beside = false, uint8_t rcode = dns::kNoError) {
  Question question;
  question.id = ++stage.last_id;
  question.asked = *Name::FromHost(name);
  question.asked_wire = std::string(question.asked.Wire());
  question.type = dns::kA;
  ReturnPath path;
  path.destination = *Address::Parse("9.9.9.9");
  path.held = question.id;
  Answer answer{rcode, question.asked, dns::kA, std::move(records), {}};
  stage.forwarder.OnHeldAnswer(std::move(question), path, {std::move(answer), beside}, stage.now);
  return stage.last_id;
}

Record A(const std::string& owner, const std::string& address, uint32_t ttl = 60) {
  const Address parsed = *Address::Parse(address);
  const auto bytes = parsed.bytes();
  return {*Name::FromHost(owner), dns::kA, dns::kIn, ttl, std::string(bytes.begin(), bytes.end())};
}

TEST(HeldStory, WhatIsListedWaitsForItsPinAndGoesOnAsItIs) {
  Stage stage(kRules);
  const auto id = Held(stage, "www.example.com", {A("www.example.com", "192.0.2.1")});
  EXPECT_TRUE(stage.client.released.empty());
  ASSERT_EQ(stage.firewall.requests.size(), 1U);
  EXPECT_EQ(stage.firewall.requests[0].told_s, 60U);
  stage.FirewallDoesAll();
  EXPECT_EQ(stage.client.released, (std::vector<uint64_t>{id}));
  EXPECT_TRUE(stage.network.sent.empty()) << "nobody is asked";
  stage.NothingIsLeft();
}

TEST(HeldStory, WhatIsNotListedGoesOnUnpinned) {
  Stage stage(kRules);
  const auto id = Held(stage, "other.test", {A("other.test", "192.0.2.1", 5000)});
  EXPECT_EQ(stage.client.released, (std::vector<uint64_t>{id}));
  EXPECT_TRUE(stage.firewall.requests.empty());
  stage.NothingIsLeft();
}

TEST(HeldStory, WhatIsRefusedIsRefusedOnItsWayBack) {
  Stage stage(kRules);
  const auto id = Held(stage, "ads.test", {A("ads.test", "192.0.2.1")});
  EXPECT_EQ(stage.HeardOf(id).answer.rcode, dns::kRefused);
  EXPECT_TRUE(stage.HeardOf(id).Addresses().empty());
  stage.NothingIsLeft();
}

TEST(HeldStory, ATtlThatIsTooLongIsToldShorter) {
  Stage stage(kRules);
  const auto id = Held(stage, "www.example.com", {A("www.example.com", "192.0.2.1", 86400)});
  stage.FirewallDoesAll();
  ASSERT_EQ(stage.HeardOf(id).answer.answer.size(), 1U);
  EXPECT_EQ(stage.HeardOf(id).answer.answer[0].ttl, 300U);
  stage.NothingIsLeft();
}

TEST(HeldStory, ForbiddenAddressesAreTakenOut) {
  Stage stage(kRules);
  const auto id = Held(stage, "www.example.com",
                       {A("www.example.com", "127.0.0.1"), A("www.example.com", "192.0.2.1")});
  stage.FirewallDoesAll();
  EXPECT_EQ(stage.HeardOf(id).Addresses(), Strings{"192.0.2.1"});
  stage.NothingIsLeft();
}

TEST(HeldStory, WhatIsBesideTheAnswerStaysBehind) {
  Stage stage(kRules);
  const auto id = Held(stage, "www.example.com", {A("www.example.com", "192.0.2.1")}, true);
  stage.FirewallDoesAll();
  EXPECT_TRUE(stage.client.released.empty());
  EXPECT_EQ(stage.HeardOf(id).Addresses(), Strings{"192.0.2.1"});
  stage.NothingIsLeft();
}

TEST(HeldStory, WhatCannotBePinnedBecomesAFailure) {
  for (const PinOutcome outcome : {PinOutcome::kFailed, PinOutcome::kQuota}) {
    Stage stage(kRules);
    const auto id = Held(stage, "www.example.com", {A("www.example.com", "192.0.2.1")});
    stage.FirewallSays(outcome);
    EXPECT_EQ(stage.HeardOf(id).answer.rcode, dns::kServFail);
    stage.NothingIsLeft();
  }
}

TEST(HeldStory, ASilentFirewallIsAFailureInTime) {
  Stage stage(kRules);
  const auto id = Held(stage, "www.example.com", {A("www.example.com", "192.0.2.1")});
  stage.Pass(seconds(1));
  EXPECT_EQ(stage.HeardOf(id).answer.rcode, dns::kServFail);
}

TEST(HeldStory, AnotherPolicyJudgesAnewWithoutAsking) {
  Stage stage(kRules);
  const auto id = Held(stage, "www.example.com", {A("www.example.com", "192.0.2.1")});
  stage.policy.rules = RulesOf({"accept specialtarget=dns"});
  Close(stage.policy);
  ++stage.policy.generation;
  stage.forwarder.SetPolicy(stage.policy, stage.now);
  EXPECT_EQ(stage.client.released, (std::vector<uint64_t>{id}));
  EXPECT_TRUE(stage.network.sent.empty());
}

TEST(HeldStory, NothingOfItIsTakenForWhatWeAskOurselves) {
  Stage stage(kRules);
  Held(stage, "www.example.com", {A("www.example.com", "192.0.2.1")});
  stage.FirewallDoesAll();
  stage.Ask("www.example.com");
  EXPECT_EQ(stage.network.sent.size(), 1U);
}

}  // namespace
}  // namespace dnspin
