// Stories of names that answers name (design.md 7): the client may ask them for a while, and they
// are pinned under the rule of that answer. "Trap N" is row N of the table of instructive bugs.

#include "tests/scenario/resolver_stage.h"

namespace dnspin {
namespace {

using namespace stage;  // NOLINT: the vocabulary of the stories

using Strings = std::vector<std::string>;
const Strings kRules = {"accept .example.com tcp 443", "accept only.test", "drop"};

std::string MxOf(std::string_view owner, std::string_view target, uint32_t ttl = 300) {
  return ARecord(N(owner), dns::kMx, U16(10) + N(target), ttl);
}
std::string SrvOf(std::string_view owner, std::string_view target, uint32_t ttl = 300) {
  return ARecord(N(owner), dns::kSrv, U16(1) + U16(2) + U16(5222) + N(target), ttl);
}
std::string HttpsOf(std::string_view owner, size_t priority, std::string_view target) {
  return ARecord(N(owner), dns::kHttps, U16(priority) + N(target), 300);
}

// Asks, and the upstream answers with these.
uint16_t Learn(Stage& stage, std::string_view name, uint16_t type, const Strings& records) {
  const size_t sent = stage.network.sent.size();
  const auto id = stage.Ask(name, type);
  if (stage.network.sent.size() > sent) {
    stage.UpstreamSays({.answer = records});
  }
  stage.FirewallDoesAll();
  return id;
}

// True if `name` is pinned under `rule_host` and told; false if it is refused, with nothing asked.
bool MayAsk(Stage& stage, const std::string& name, const std::string& rule_host = ".example.com") {
  const size_t sent = stage.network.sent.size();
  const size_t pins = stage.firewall.requests.size();
  stage.forwarder.DoubtPins();
  const Heard heard = stage.HeardOf(Learn(stage, name, dns::kA, {Record4(name, 9)}));
  if (heard.answer.rcode != dns::kNoError) {
    EXPECT_EQ(heard.ede, dns::kEdeProhibited) << name;
    EXPECT_EQ(stage.network.sent.size(), sent) << name << " was asked of the upstream";
    return false;
  }
  EXPECT_EQ(heard.Addresses(), Strings{"203.0.113.9"}) << name;
  EXPECT_EQ(stage.firewall.requests.size(), pins + 1) << name << " was told unpinned";
  EXPECT_EQ(stage.firewall.requests.back().asked, Host(name));
  EXPECT_EQ(stage.firewall.requests.back().rule_host, rule_host);
  return true;
}

void Change(Stage& stage, const Strings& rules) {
  stage.policy.rules = RulesOf(rules);
  ++stage.policy.generation;
  stage.forwarder.SetPolicy(stage.policy, stage.now);
}

TEST(GrantStory, Trap13_AChainOverTwoAnswersIsPinnedToItsEnd) {
  Stage stage(kRules);
  EXPECT_FALSE(MayAsk(stage, "edge.cdn.test")) << "before anything named it";
  const auto alias =
      Learn(stage, "www.example.com", dns::kA, {AliasOf("www.example.com", "edge.cdn.test", 40)});
  EXPECT_EQ(stage.HeardOf(alias).answer.answer.size(), 1U);
  ASSERT_EQ(stage.firewall.grants.size(), 1U);
  const GrantRequest& grant = stage.firewall.grants[0];
  EXPECT_EQ(grant,
            (GrantRequest{1, 40, ".example.com", Host("www.example.com"), Host("edge.cdn.test")}));
  EXPECT_TRUE(MayAsk(stage, "edge.cdn.test"));
  EXPECT_FALSE(MayAsk(stage, "cdn.test")) << "a neighbour";
  EXPECT_FALSE(MayAsk(stage, "www.edge.cdn.test")) << "below it";
  stage.NothingIsLeft();
}

// A second rule's answer names it too: then it is pinned under both, before it is told again.
TEST(GrantStory, AHitOfAGrantedNameIsAlwaysAskedFor) {
  Stage stage({"accept .a.test tcp 443", "accept .b.test tcp 22", "drop"});
  const auto from = [&](const std::string& parent) {
    Learn(stage, parent, dns::kA, {AliasOf(parent, "t.cdn.test", 300)});
  };
  from("www.a.test");
  EXPECT_TRUE(MayAsk(stage, "t.cdn.test", ".a.test"));
  from("www.b.test");
  const size_t before = stage.firewall.requests.size();
  const auto again = stage.Ask("t.cdn.test");
  EXPECT_FALSE(stage.HasHeard(again)) << "told under one rule's pins alone";
  EXPECT_EQ(stage.firewall.requests.size(), before + 1);
  stage.FirewallDoesAll();
  EXPECT_FALSE(stage.repeat_until);
  stage.NothingIsLeft();
}

TEST(GrantStory, EveryLinkOfAChainMayBeAsked) {
  Stage stage(kRules);
  Learn(stage, "www.example.com", dns::kA,
        {AliasOf("www.example.com", "a.cdn.test"), AliasOf("a.cdn.test", "b.cdn.test"),
         Record4("b.cdn.test", 1), AliasOf("other.test", "stray.test")});
  ASSERT_EQ(stage.firewall.grants.size(), 2U);
  EXPECT_TRUE(MayAsk(stage, "a.cdn.test"));
  EXPECT_TRUE(MayAsk(stage, "b.cdn.test"));
  EXPECT_FALSE(MayAsk(stage, "stray.test")) << "not on the lineage";
  stage.NothingIsLeft();
}

TEST(GrantStory, TargetsOfEveryKind) {
  const struct {
    const char* story;
    uint16_t type;
    std::string record;
    const char* target;
    bool granted;
  } rows[] = {
      {"an alias", dns::kCname, AliasOf("x.example.com", "t.test"), "t.test", true},
      {"a mail exchange", dns::kMx, MxOf("x.example.com", "t.test"), "t.test", true},
      {"a service", dns::kSrv, SrvOf("x.example.com", "T.Test"), "t.test", true},
      {"HTTPS in alias mode", dns::kHttps, HttpsOf("x.example.com", 0, "t.test"), "t.test", true},
      {"HTTPS in service mode", dns::kHttps, HttpsOf("x.example.com", 1, "t.test"), "t.test", true},
      {"a name server", dns::kNs, ARecord(N("x.example.com"), dns::kNs, N("t.test")), "t.test",
       false},
      {"a pointer", dns::kPtr, ARecord(N("x.example.com"), dns::kPtr, N("t.test")), "t.test",
       false},
      {"no host", dns::kMx, MxOf("x.example.com", "a b.test"), "b.test", false},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    Stage stage(kRules);
    Learn(stage, "x.example.com", row.type, {row.record});
    EXPECT_EQ(stage.firewall.grants.size(), row.granted ? 1U : 0U);
    EXPECT_EQ(MayAsk(stage, row.target), row.granted);
    stage.NothingIsLeft();
  }
}

TEST(GrantStory, TheRootTheListedAndTheLocalNeedNoGrant) {
  Stage stage(kRules);
  Learn(stage, "x.example.com", dns::kMx,
        {MxOf("x.example.com", ""), MxOf("x.example.com", "y.example.com"),
         MxOf("x.example.com", "only.test"), MxOf("x.example.com", "printer.local"),
         MxOf("x.example.com", "localhost")});
  EXPECT_TRUE(stage.firewall.grants.empty());
  EXPECT_EQ(stage.HeardOf(stage.Ask("printer.local")).answer.rcode, dns::kNxDomain);
  EXPECT_TRUE(MayAsk(stage, "only.test", "only.test"));
  stage.NothingIsLeft();
}

TEST(GrantStory, TheChainOfTrustOfATargetMayBeAsked) {
  Stage stage(kRules);
  const auto may_ask = [&stage](const char* name, uint16_t type) {
    return stage.HeardOf(Learn(stage, name, type, {})).answer.rcode == dns::kNoError;
  };
  EXPECT_FALSE(may_ask("cdn.test", dns::kDs));
  Learn(stage, "x.example.com", dns::kMx, {MxOf("x.example.com", "edge.cdn.test", 100)});
  EXPECT_TRUE(may_ask("cdn.test", dns::kDs));
  EXPECT_TRUE(may_ask("test", dns::kDnskey));
  EXPECT_FALSE(may_ask("cdn.test", dns::kTxt));
  EXPECT_FALSE(may_ask("other.test", dns::kDs));
  EXPECT_TRUE(stage.firewall.requests.empty());
  stage.Pass(seconds(100));
  EXPECT_FALSE(may_ask("cdn.test", dns::kDs));
  EXPECT_FALSE(may_ask("cdn.test", dns::kDnskey));
  stage.NothingIsLeft();
}

TEST(GrantStory, TwoStepsDeepAndNoDeeper) {
  Stage stage(kRules);
  Learn(stage, "x.example.com", dns::kMx, {MxOf("x.example.com", "one.test")});
  Learn(stage, "one.test", dns::kHttps, {HttpsOf("one.test", 0, "two.test")});
  Learn(stage, "two.test", dns::kSrv, {SrvOf("two.test", "three.test")});
  EXPECT_TRUE(MayAsk(stage, "one.test"));
  EXPECT_TRUE(MayAsk(stage, "two.test"));
  EXPECT_FALSE(MayAsk(stage, "three.test"));
  EXPECT_EQ(stage.firewall.grants.size(), 2U);
  stage.NothingIsLeft();
}

TEST(GrantStory, ATargetIsNoWayToPrivateAddresses) {
  Stage stage(kRules);
  stage.policy.rebind_ok = {{HostPattern::Kind::kZone, Host("lan.test"), ""}};
  Change(stage, kRules);
  Learn(stage, "x.example.com", dns::kHttps, {HttpsOf("x.example.com", 1, "nas.lan.test")});
  const auto id = Learn(stage, "nas.lan.test", dns::kA, {RecordOf("nas.lan.test", "192.168.77.5")});
  EXPECT_EQ(stage.HeardOf(id).ede, dns::kEdeFiltered);
  EXPECT_TRUE(stage.firewall.requests.empty()) << "rebind_ok names it, but no rule does";
  stage.NothingIsLeft();
}

TEST(GrantStory, ATargetThatNamesItselfEndsAllTheSame) {
  Stage stage(kRules);
  Learn(stage, "x.example.com", dns::kMx, {MxOf("x.example.com", "t.test", 10)});
  for (int i = 0; i < 5; ++i) {
    Learn(stage, "t.test", dns::kMx, {MxOf("t.test", "t.test", 2), MxOf("t.test", "u.test", 2)});
    Learn(stage, "u.test", dns::kMx, {MxOf("u.test", "t.test", 2)});
    stage.Pass(seconds(2));
  }
  EXPECT_FALSE(MayAsk(stage, "t.test"));
  EXPECT_FALSE(MayAsk(stage, "u.test"));
  stage.NothingIsLeft();
}

TEST(GrantStory, ADropOfTheParentEndsWhatItNamed) {
  Stage stage(kRules);
  Learn(stage, "bad.example.com", dns::kMx, {MxOf("bad.example.com", "t.test")});
  Learn(stage, "t.test", dns::kMx, {MxOf("t.test", "u.test")});
  Learn(stage, "x.example.com", dns::kMx, {MxOf("x.example.com", "v.test")});
  Change(stage, {"drop *.bad.example.com", "drop ~bad[.]example[.]com",
                 "accept .example.com tcp 443", "drop"});
  EXPECT_FALSE(MayAsk(stage, "t.test"));
  EXPECT_FALSE(MayAsk(stage, "u.test"));
  EXPECT_TRUE(MayAsk(stage, "v.test"));
  stage.NothingIsLeft();
}

TEST(GrantStory, TheThirtyThirdIsRefused) {
  Stage stage(kRules);
  Strings records;
  for (int i = 1; i <= 33; ++i) {
    records.push_back(SrvOf("x.example.com", "t" + std::to_string(i) + ".test"));
  }
  Learn(stage, "x.example.com", dns::kSrv, records);
  EXPECT_EQ(stage.firewall.grants.size(), 32U);
  EXPECT_TRUE(MayAsk(stage, "t1.test"));
  EXPECT_TRUE(MayAsk(stage, "t32.test"));
  EXPECT_FALSE(MayAsk(stage, "t33.test"));
  Learn(stage, "only.test", dns::kMx, {MxOf("only.test", "t33.test")});
  EXPECT_TRUE(MayAsk(stage, "t33.test", "only.test")) << "another rule has its own 32";
  stage.NothingIsLeft();
}

TEST(GrantStory, AsLongAsTheAnswerLivesAsTold) {
  Stage stage(kRules);
  Learn(stage, "x.example.com", dns::kMx, {MxOf("x.example.com", "t.test", 100)});
  Learn(stage, "y.example.com", dns::kMx, {MxOf("y.example.com", "long.test", 100000)});
  EXPECT_EQ(stage.firewall.grants.at(1).ttl_s, 300U) << "told_max";
  stage.Pass(seconds(60));
  Learn(stage, "x.example.com", dns::kMx, {});
  EXPECT_EQ(stage.firewall.grants.size(), 2U) << "the cache says nothing new";
  stage.Pass(seconds(39));
  EXPECT_TRUE(MayAsk(stage, "t.test"));
  stage.Pass(seconds(1));
  EXPECT_FALSE(MayAsk(stage, "t.test"));
  EXPECT_TRUE(MayAsk(stage, "long.test"));
  Learn(stage, "x.example.com", dns::kMx, {MxOf("x.example.com", "t.test", 100)});
  EXPECT_TRUE(MayAsk(stage, "t.test")) << "granted anew";
  stage.NothingIsLeft();
}

TEST(GrantStory, AGrantThatEndsWhileItsQuestionIsUnderWay) {
  Stage stage(kRules);
  Learn(stage, "x.example.com", dns::kMx, {MxOf("x.example.com", "t.test", 1)});
  const auto id = stage.Ask("t.test");
  stage.Pass(seconds(1));
  stage.UpstreamSays({.answer = {Record4("t.test", 1)}});
  EXPECT_EQ(stage.HeardOf(id).ede, dns::kEdeProhibited);
  EXPECT_TRUE(stage.firewall.requests.empty());
  stage.NothingIsLeft();
}

TEST(GrantStory, ADropBeforeTheRuleRefusesATarget) {
  Stage stage({"drop .ads.test", "accept .example.com", "drop .behind.test"});
  Learn(stage, "x.example.com", dns::kMx,
        {MxOf("x.example.com", "x.ads.test"), MxOf("x.example.com", "x.behind.test"),
         MxOf("x.example.com", "t.test")});
  EXPECT_EQ(stage.firewall.grants.size(), 1U);
  EXPECT_EQ(stage.HeardOf(stage.Ask("x.ads.test")).ede, dns::kEdeBlocked);
  EXPECT_EQ(stage.HeardOf(stage.Ask("x.behind.test")).ede, dns::kEdeBlocked);
  EXPECT_TRUE(MayAsk(stage, "t.test"));
  const auto id = Learn(stage, "t.test", dns::kAaaa,
                        {AliasOf("t.test", "x.ads.test"), RecordOf("x.ads.test", "2001:db8::1")});
  EXPECT_EQ(stage.HeardOf(id).ede, dns::kEdeBlocked) << "its lineage is judged as the rule's own";
  stage.NothingIsLeft();
}

TEST(GrantStory, WhatMayBeAskedAnywayIsPinnedOnlyOnceItIsNamed) {
  Stage stage({"accept .example.com tcp 443", "accept specialtarget=dns"});
  const auto before = Learn(stage, "t.test", dns::kA, {Record4("t.test", 9)});
  EXPECT_EQ(stage.HeardOf(before).Addresses(), Strings{"203.0.113.9"});
  EXPECT_TRUE(stage.firewall.requests.empty());
  Learn(stage, "free.test", dns::kMx, {MxOf("free.test", "t.test")});
  EXPECT_TRUE(stage.firewall.grants.empty()) << "named by a name that is not pinned";
  Learn(stage, "x.example.com", dns::kMx, {MxOf("x.example.com", "t.test")});
  EXPECT_TRUE(MayAsk(stage, "t.test")) << "from the cache, by a new judgement";
  stage.NothingIsLeft();
}

TEST(GrantStory, RulesThatChangeTakeTheirGrantsAlong) {
  Stage stage(kRules);
  Learn(stage, "x.example.com", dns::kMx,
        {MxOf("x.example.com", "t.test"), MxOf("x.example.com", "u.test")});
  Learn(stage, "only.test", dns::kMx, {MxOf("only.test", "v.test")});
  const auto waits = stage.Ask("v.test");
  Change(stage, {"accept new.test", "drop u.test tcp 1", "accept *.example.com"});
  EXPECT_EQ(stage.HeardOf(waits).ede, dns::kEdeProhibited);
  EXPECT_FALSE(MayAsk(stage, "t.test")) << "that chain ends before the rule";
  Change(stage, {"drop .u.test", "accept .example.com tcp 80"});
  EXPECT_FALSE(MayAsk(stage, "t.test")) << "gone is gone";
  Learn(stage, "x.example.com", dns::kMx, {});
  EXPECT_TRUE(MayAsk(stage, "t.test")) << "the cached answer names it again";
  EXPECT_EQ(stage.HeardOf(stage.Ask("u.test")).ede, dns::kEdeBlocked);
  stage.NothingIsLeft();
}

TEST(GrantStory, AReaderThatStartsAnewKnowsWhatWasGranted) {
  Stage stage(kRules);
  stage.policy.grants = {
      {".example.com", Host("t.test"), Host("x.example.com"), 1, stage.now + seconds(50)},
      {".example.com", Host("two.test"), Host("t.test"), 2, stage.now + seconds(50)}};
  Change(stage, kRules);
  EXPECT_TRUE(MayAsk(stage, "t.test"));
  Learn(stage, "t.test", dns::kMx, {MxOf("t.test", "far.test")});
  Learn(stage, "two.test", dns::kMx, {MxOf("two.test", "farther.test")});
  EXPECT_TRUE(MayAsk(stage, "far.test"));
  EXPECT_FALSE(MayAsk(stage, "farther.test"));
  stage.Pass(seconds(50));
  EXPECT_FALSE(MayAsk(stage, "t.test"));
  stage.NothingIsLeft();
}

TEST(GrantStory, WhatCouldNotBeSentIsNotGranted) {
  Stage stage(kRules);
  stage.firewall.full = true;
  Learn(stage, "x.example.com", dns::kMx, {MxOf("x.example.com", "t.test")});
  EXPECT_FALSE(MayAsk(stage, "t.test"));
  stage.firewall.full = false;
  Learn(stage, "x.example.com", dns::kMx, {});
  EXPECT_TRUE(MayAsk(stage, "t.test"));
  stage.NothingIsLeft();
}

}  // namespace
}  // namespace dnspin
