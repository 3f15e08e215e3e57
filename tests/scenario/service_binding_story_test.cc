// Stories of HTTPS and SVCB records (design.md 7, RFC 9460): their hints are addresses, pinned
// before they are told or not told; `[dns] svcb` and `ech` say how much of them is told.

#include "tests/scenario/resolver_stage.h"

namespace dnspin {
namespace {

using namespace stage;  // NOLINT: the vocabulary of the stories

using Strings = std::vector<std::string>;
using Svcb = BindingTerms::Svcb;
using Ech = BindingTerms::Ech;
const Strings kRules = {"accept .example.com tcp 443", "accept specialtarget=dns"};

std::string Param(size_t key, std::string_view value) {
  return U16(key) + U16(value.size()) + std::string(value);
}
const std::string kPlain = U16(1) + N("") + Param(1, "\2h2");
const std::string kPublic = V4(203, 0, 113, 66);
const std::string kPublic6 = U16(0x2001) + U16(0xdb8) + Zeros(11) + "\1";
const std::string kPrivate = V4(10, 1, 2, 3);
const std::string kEch = Param(5, "ech");

std::string Https(std::string_view rdata, std::string_view owner = kToQuestion) {
  return ARecord(owner, dns::kHttps, rdata, 300);
}

// What is told of one such record at a name that is pinned.
std::string Told(Stage& stage, const std::string& rdata,
                 const std::string& name = "www.example.com") {
  const auto id = stage.Ask(name, dns::kHttps);
  stage.UpstreamSays({.answer = {Https(rdata)}});
  EXPECT_EQ(stage.HasHeard(id), stage.firewall.taken == stage.firewall.requests.size())
      << "told before the kernel has its hints";
  stage.FirewallDoesAll();
  const Heard heard = stage.HeardOf(id);
  return heard.answer.answer.empty() ? std::string()
                                     : std::string(heard.answer.answer[0].rdata.view());
}

void Set(Stage& stage, BindingTerms terms) {
  stage.policy.bindings = terms;
  stage.forwarder.SetPolicy(stage.policy, stage.now);
}

TEST(ServiceBindingStory, HintsArePinnedBeforeTheyAreTold) {
  Stage stage(kRules);
  const std::string whole = kPlain + Param(4, kPublic + V4(203, 0, 113, 67)) + Param(6, kPublic6);
  EXPECT_EQ(Told(stage, whole), whole);
  ASSERT_EQ(stage.firewall.requests.size(), 1U);
  const PinRequest& request = stage.firewall.requests[0];
  EXPECT_EQ(request.asked, Host("www.example.com"));
  EXPECT_EQ(request.rule_host, ".example.com");
  EXPECT_EQ(request.told_s, 300U);
  EXPECT_EQ(request.addresses,
            (std::vector<Address>{*Address::Parse("203.0.113.66"), *Address::Parse("203.0.113.67"),
                                  *Address::Parse("2001:db8::1")}));
  stage.Pass(seconds(100));
  stage.forwarder.DoubtPins();
  const auto hit = stage.Ask("www.example.com", dns::kHttps);
  EXPECT_FALSE(stage.HasHeard(hit)) << "from the cache, unpinned";
  EXPECT_EQ(stage.firewall.requests.back().told_s, 200U);
  stage.FirewallSays(PinOutcome::kFailed);
  EXPECT_EQ(stage.HeardOf(hit).answer.rcode, dns::kServFail);
  stage.NothingIsLeft();
}

TEST(ServiceBindingStory, WhatMayNotBePinnedIsNotHintedAt) {
  const struct {
    const char* story;
    std::string rdata;
    std::string told;
    size_t pinned;
  } rows[] = {
      {"a private one among public ones", kPlain + Param(4, kPublic + kPrivate),
       kPlain + Param(4, kPublic), 1},
      {"nothing but private ones", kPlain + Param(4, kPrivate), kPlain, 0},
      {"IPv4 in IPv6", kPlain + Param(6, Zeros(10) + U16(0xFFFF) + kPrivate), kPlain, 0},
      {"this machine's own", kPlain + Param(4, V4(198, 51, 100, 200)), kPlain, 0},
      {"mandatory ones that are gone",
       U16(1) + N("") + Param(0, U16(1) + U16(4)) + Param(1, "\2h2") + Param(4, kPrivate),
       U16(1) + N("") + Param(0, U16(1)) + Param(1, "\2h2"), 0},
      {"one twice", kPlain + Param(4, kPublic + kPublic), kPlain + Param(4, kPublic + kPublic), 1},
      {"an alias, whose parameters mean nothing", U16(0) + N("t.test") + Param(4, kPublic),
       U16(0) + N("t.test"), 0},
      {"a broken one", kPlain + Param(4, kPublic + "x"), "", 0},
  };
  for (const auto& row : rows) {
    Stage stage(kRules);
    EXPECT_EQ(Told(stage, row.rdata), row.told) << row.story;
    const auto& requests = stage.firewall.requests;
    EXPECT_EQ(requests.empty() ? 0 : requests[0].addresses.size(), row.pinned) << row.story;
    stage.NothingIsLeft();
  }
}

TEST(ServiceBindingStory, AFamilyThatTheClientLacksIsNotHintedAt) {
  Stage stage(kRules);
  stage.policy.addresses.resize(1);
  stage.forwarder.SetPolicy(stage.policy, stage.now);
  EXPECT_EQ(Told(stage, kPlain + Param(4, kPublic) + Param(6, kPublic6)),
            kPlain + Param(4, kPublic));
  stage.NothingIsLeft();
}

TEST(ServiceBindingStory, OfANameThatIsNotPinnedNoHintIsTold) {
  Stage stage(kRules);
  EXPECT_EQ(Told(stage, kPlain + Param(4, kPublic), "other.test"), kPlain);
  EXPECT_TRUE(stage.firewall.requests.empty());
  stage.NothingIsLeft();
}

TEST(ServiceBindingStory, HintsBehindAliasesArePinnedForTheNameAsked) {
  Stage stage(kRules);
  const auto id = stage.Ask("www.example.com", dns::kHttps);
  stage.UpstreamSays({.answer = {AliasOf("www.example.com", "edge.test"),
                                 Https(kPlain + Param(4, kPublic), N("edge.test")),
                                 Https(kPlain + Param(4, V4(203, 0, 113, 99)), N("bank.test"))}});
  stage.FirewallDoesAll();
  EXPECT_EQ(stage.HeardOf(id).answer.answer.size(), 2U);
  EXPECT_EQ(stage.firewall.requests.at(0).asked, Host("www.example.com"));
  EXPECT_EQ(stage.firewall.requests[0].addresses.size(), 1U);
  stage.NothingIsLeft();
}

TEST(ServiceBindingStory, VeryManyHintsAreNotAllTold) {
  Stage stage(kRules);
  std::string hints;
  for (size_t i = 0; i < 1000; ++i) {
    hints += V4(203, 0, static_cast<uint8_t>(i / 250), static_cast<uint8_t>(i % 250));
  }
  const auto id = stage.Ask("www.example.com", dns::kHttps);
  stage.UpstreamSays({.answer = {Https(kPlain + Param(4, hints))}});
  stage.FirewallDoesAll();
  size_t pinned = 0;
  for (const PinRequest& request : stage.firewall.requests) {
    pinned += request.addresses.size();
  }
  EXPECT_EQ(pinned, 256U);
  EXPECT_TRUE(stage.HasHeard(id));
  stage.NothingIsLeft();
}

TEST(ServiceBindingStory, SvcbStripAndEchStrip) {
  const std::string whole = kPlain + Param(4, kPublic) + kEch;
  const struct {
    BindingTerms terms;
    std::string told;
    size_t requests;
  } rows[] = {
      {{Svcb::kPin, Ech::kKeep}, whole, 1},
      {{Svcb::kPin, Ech::kStrip}, kPlain + Param(4, kPublic), 1},
      {{Svcb::kStrip, Ech::kKeep}, kPlain + kEch, 0},
      {{Svcb::kStrip, Ech::kStrip}, kPlain, 0},
  };
  for (const auto& row : rows) {
    Stage stage(kRules);
    Set(stage, row.terms);
    EXPECT_EQ(Told(stage, whole), row.told);
    EXPECT_EQ(stage.firewall.requests.size(), row.requests);
    EXPECT_EQ(Told(stage, kPlain + kEch, "other.test"),
              row.terms.ech == Ech::kKeep ? kPlain + kEch : kPlain);
    stage.NothingIsLeft();
  }
}

TEST(ServiceBindingStory, SvcbNodataIsSaidHere) {
  Stage stage(kRules);
  Set(stage, {Svcb::kNodata, Ech::kKeep});
  for (const uint16_t type : {dns::kHttps, dns::kSvcb}) {
    for (const char* name : {"www.example.com", "other.test"}) {
      const Heard heard = stage.HeardOf(stage.Ask(name, type));
      EXPECT_EQ(heard.answer.rcode, dns::kNoError) << name;
      EXPECT_TRUE(heard.answer.answer.empty()) << name;
      ASSERT_EQ(heard.answer.authority.size(), 1U) << name;
      EXPECT_EQ(heard.answer.authority[0].type, dns::kSoa) << name;
    }
  }
  EXPECT_TRUE(stage.network.sent.empty());
  stage.NothingIsLeft();
}

TEST(ServiceBindingStory, SignaturesOfWhatWasChangedAreNotTold) {
  const std::string signature = U16(dns::kHttps) + O(8) + O(2) + U32(300) + U32(2000000000) +
                                U32(1000000000) + U16(7) + N("example.com") + "sig";
  for (const bool changed : {false, true}) {
    Stage stage(kRules);
    const auto id = stage.Ask("www.example.com", dns::kHttps,
                              [](Question& question, ReturnPath&) { question.dnssec_ok = true; });
    stage.UpstreamSays({.answer = {Https(kPlain + Param(4, changed ? kPrivate : kPublic)),
                                   ARecord(kToQuestion, dns::kRrsig, signature, 300)}});
    stage.FirewallDoesAll();
    EXPECT_EQ(stage.HeardOf(id).answer.answer.size(), changed ? 1U : 2U);
    stage.NothingIsLeft();
  }
}

}  // namespace
}  // namespace dnspin
