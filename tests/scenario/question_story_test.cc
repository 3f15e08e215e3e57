// Stories of who may ask what (design.md 3 and 7): what is answered, what is refused, what is
// answered here, and what ever leaves for an upstream.

#include "tests/scenario/resolver_stage.h"

namespace dnspin {
namespace {

using namespace stage;  // NOLINT: the vocabulary of the stories

using Strings = std::vector<std::string>;

void OverTcpTo(ReturnPath& path, std::string_view destination) {
  path.transport = Transport::kTcp;
  path.destination = Address::Parse(destination);
}

TEST(QuestionStory, WhatTheRulesSay) {
  const struct {
    const char* story;
    Strings rules;
    const char* name;
    uint16_t rcode;  // REFUSED, or NOERROR for what is asked of the upstream
    std::optional<uint16_t> ede;
    bool pinned;
  } rows[] = {
      {"listed", {"accept www.example.com", "drop"}, "www.example.com", 0, {}, true},
      {"case does not matter", {"accept www.example.com"}, "WWW.Example.COM", 0, {}, true},
      {"in a listed zone", {"accept .example.com"}, "a.b.example.com", 0, {}, true},
      {"below a listed name", {"accept *.example.com"}, "a.example.com", 0, {}, true},
      {"the apex is not below itself", {"accept *.example.com"}, "example.com", 5, 18, false},
      {"a look-alike", {"accept .example.com"}, "notexample.com", 5, 18, false},
      {"a listed name as a label of another",
       {"accept .example.com"},
       "example.com.evil.test",
       5,
       18,
       false},
      {"by a regular expression",
       {"accept ~cdn[0-9]+\\.example\\.com"},
       "cdn7.example.com",
       0,
       {},
       true},
      {"which is anchored",
       {"accept ~cdn[0-9]+\\.example\\.com"},
       "cdn7.example.com.evil.test",
       5,
       18,
       false},
      {"no rule at all", {}, "www.example.com", 5, 18, false},
      {"not listed, DNS open", {"accept specialtarget=dns"}, "other.test", 0, {}, false},
      {"not listed, everything open", {"accept"}, "other.test", 0, {}, false},
      {"not listed, DNS open to both",
       {"accept dst4=10.139.1.0/30 proto=udp dstports=53"},
       "other.test",
       0,
       {},
       false},
      {"to one of them only: which it was is not known",
       {"accept dst4=10.139.1.1 proto=udp dstports=53"},
       "other.test",
       5,
       18,
       false},
      {"not listed, another port open",
       {"accept proto=udp dstports=54"},
       "other.test",
       5,
       18,
       false},
      {"a drop before", {"drop specialtarget=dns", "accept"}, "other.test", 5, 18, false},
      {"dropped by name",
       {"drop ads.example.com", "accept .example.com"},
       "ads.example.com",
       5,
       15,
       false},
      {"dropped by zone, all else open",
       {"drop *.example.com", "accept"},
       "x.example.com",
       5,
       15,
       false},
      {"dropped too late",
       {"accept .example.com", "drop ads.example.com"},
       "ads.example.com",
       0,
       {},
       true},
      {"dropped with a port only",
       {"drop ads.example.com tcp 80", "accept specialtarget=dns"},
       "ads.example.com",
       0,
       {},
       false},
      {"listed for DNS alone",
       {"accept dsthost=www.example.com specialtarget=dns"},
       "www.example.com",
       0,
       {},
       false},
      {"the root", {"accept .example.com"}, "", 5, 18, false},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    Stage stage(row.rules);
    const auto id = stage.Ask(row.name);
    ASSERT_EQ(stage.network.sent.size(), row.rcode == 0 ? 1U : 0U) << "sent upstream";
    if (row.rcode == 0) {
      stage.UpstreamSays({.answer = {ARecord(kToQuestion, dns::kA, V4(203, 0, 113, 1))}});
    }
    EXPECT_EQ(stage.firewall.requests.size(), row.pinned ? 1U : 0U);
    stage.FirewallDoesAll();
    EXPECT_EQ(stage.HeardOf(id).answer.rcode, row.rcode);
    EXPECT_EQ(stage.HeardOf(id).ede, row.ede);
    EXPECT_EQ(stage.HeardOf(id).Addresses().size(), row.rcode == 0 ? 1U : 0U);
    EXPECT_EQ(stage.firewall.reports.size(), row.rcode == 0 ? 0U : 1U);
    stage.NothingIsLeft();
  }
}

TEST(QuestionStory, ByTcpTheDestinationIsKnown) {
  const Strings rules = {"accept dst4=10.139.1.1 proto=udp dstports=53"};
  const struct {
    const char* destination;
    bool allowed;
  } rows[] = {{"10.139.1.1", true}, {"10.139.1.2", false}, {"192.0.2.1", false}};
  for (const auto& row : rows) {
    Stage stage(rules);
    stage.Ask("other.test", dns::kA,
              [&](Question&, ReturnPath& path) { OverTcpTo(path, row.destination); });
    EXPECT_EQ(stage.network.sent.size(), row.allowed ? 1U : 0U) << row.destination;
  }
}

TEST(QuestionStory, EachWaiterIsJudgedByItself) {
  Stage stage({"accept dst4=10.139.1.1 proto=udp dstports=53"});
  const auto to = [](const char* destination) {
    return [destination](Question&, ReturnPath& path) { OverTcpTo(path, destination); };
  };
  const auto allowed = stage.Ask("other.test", dns::kA, to("10.139.1.1"));
  const auto refused = stage.Ask("other.test", dns::kA, to("10.139.1.2"));
  stage.UpstreamSays({.answer = {ARecord(kToQuestion, dns::kA, V4(203, 0, 113, 1))}});
  EXPECT_EQ(stage.HeardOf(allowed).answer.rcode, dns::kNoError);
  EXPECT_EQ(stage.HeardOf(refused).answer.rcode, dns::kRefused);
  EXPECT_EQ(stage.HeardOf(stage.Ask("other.test", dns::kA, to("10.139.1.2"))).answer.rcode,
            dns::kRefused)
      << "what is cached is not told to everyone";
  stage.NothingIsLeft();
}

TEST(QuestionStory, TheChainOfTrustMayBeAsked) {
  const Strings rules = {"accept *.cdn.example.com"};
  const struct {
    const char* name;
    uint16_t type;
    bool asked;
  } rows[] = {
      {"cdn.example.com", dns::kDs, true},
      {"example.com", dns::kDs, true},
      {"com", dns::kDnskey, true},
      {"", dns::kDnskey, true},
      {"com", dns::kA, false},
      {"example.net", dns::kDs, false},
      {"xcom", dns::kDs, false},
  };
  for (const auto& row : rows) {
    Stage stage(rules);
    const auto id = stage.Ask(row.name, row.type);
    EXPECT_EQ(stage.network.sent.size(), row.asked ? 1U : 0U) << row.name;
    EXPECT_EQ(stage.HasHeard(id), !row.asked) << row.name;
  }
}

TEST(QuestionStory, SpecialNamesAreAnsweredHere) {
  const struct {
    const char* name;
    uint16_t type;
    uint8_t rcode;
    Strings addresses;
  } rows[] = {
      {"use-application-dns.net", dns::kA, dns::kNxDomain, {}},
      {"mask.icloud.com", dns::kAaaa, dns::kNxDomain, {}},
      {"mask-h2.icloud.com", dns::kA, dns::kNxDomain, {}},
      {"_dns.resolver.arpa", dns::kSvcb, dns::kNoError, {}},
      {"resolver.arpa", dns::kA, dns::kNoError, {}},
      {"localhost", dns::kA, dns::kNoError, {"127.0.0.1"}},
      {"LocalHost", dns::kAaaa, dns::kNoError, {"::1"}},
      {"a.localhost", dns::kA, dns::kNoError, {"127.0.0.1"}},
      {"localhost", dns::kTxt, dns::kNoError, {}},
      {"a.invalid", dns::kA, dns::kNxDomain, {}},
      {"facebookwkhpilnemxj7asaniu7vnjjbiltxjqhye3mhbshg7kx5tfyd.onion",
       dns::kA,
       dns::kNxDomain,
       {}},
      {"a.alt", dns::kA, dns::kNxDomain, {}},
      {"printer.local", dns::kA, dns::kNxDomain, {}},
      {"home.arpa", dns::kSoa, dns::kNoError, {}},
      {"router.home.arpa", dns::kA, dns::kNxDomain, {}},
      {"25.0.137.10.in-addr.arpa", dns::kPtr, dns::kNxDomain, {}},
      {"10.in-addr.arpa", dns::kPtr, dns::kNoError, {}},
      {"1.31.172.in-addr.arpa", dns::kPtr, dns::kNxDomain, {}},
      {"1.127.100.in-addr.arpa", dns::kPtr, dns::kNxDomain, {}},
      {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
       dns::kPtr,
       dns::kNoError,
       {}},
      {"a.b.d.f.ip6.arpa", dns::kPtr, dns::kNxDomain, {}},
  };
  for (const Strings& rules : {Strings{"accept"}, Strings{"drop"}}) {
    for (const auto& row : rows) {
      SCOPED_TRACE(row.name);
      Stage stage(rules);
      const Heard heard = stage.HeardOf(stage.Ask(row.name, row.type));
      EXPECT_EQ(heard.answer.rcode, row.rcode);
      EXPECT_EQ(heard.Addresses(), row.addresses);
      EXPECT_EQ(heard.answer.authority.size(), row.addresses.empty() ? 1U : 0U) << "no SOA";
      EXPECT_TRUE(stage.network.sent.empty()) << "it left for an upstream";
      stage.NothingIsLeft();
    }
  }
}

TEST(QuestionStory, ARuleThatListsALocalNameWins) {
  for (const char* name :
       {"printer.local", "nas.home.arpa", "localhost", "5.168.192.in-addr.arpa"}) {
    Stage stage({std::string("accept ") + name});
    stage.Ask(name, dns::kPtr);
    EXPECT_EQ(stage.network.sent.size(), 1U) << name;
    Stage for_dns({std::string("accept specialtarget=dns dsthost=") + name});
    for_dns.Ask(name, dns::kPtr);
    EXPECT_EQ(for_dns.network.sent.size(), 1U) << name;
  }
  Stage canary({"accept use-application-dns.net"});
  EXPECT_EQ(canary.HeardOf(canary.Ask("use-application-dns.net")).answer.rcode, dns::kNxDomain);
}

TEST(QuestionStory, NeighboursOfSpecialNamesAreOrdinary) {
  for (const char* name :
       {"test", "www.test", "a.mask.icloud.com", "notlocalhost", "11.in-addr.arpa",
        "1.15.172.in-addr.arpa", "1.63.100.in-addr.arpa", "1.2.0.192.in-addr.arpa"}) {
    Stage stage({"accept"});
    stage.Ask(name, dns::kPtr);
    EXPECT_EQ(stage.network.sent.size(), 1U) << name;
  }
}

TEST(QuestionStory, AnyIsAnsweredInOneRecordAndNeverForwarded) {
  Stage stage({"accept .example.com"});
  const Heard heard = stage.HeardOf(stage.Ask("www.example.com", dns::kAny));
  ASSERT_EQ(heard.answer.answer.size(), 1U);
  EXPECT_EQ(heard.answer.answer[0].type, 13);  // HINFO
  EXPECT_EQ(stage.HeardOf(stage.Ask("other.test", dns::kAny)).answer.rcode, dns::kRefused);
  EXPECT_TRUE(stage.network.sent.empty());
  stage.NothingIsLeft();
}

TEST(QuestionStory, WhatTheClientSentIsNotPassedOn) {
  Stage stage({"accept .example.com"});
  stage.Ask("wWw.eXample.com", dns::kTxt, [](Question& question, ReturnPath&) {
    question.recursion_desired = false;
    question.udp_octets = 512;
    question.checking_disabled = true;
  });
  const Question& sent = stage.LastSent().question;
  EXPECT_TRUE(sent.recursion_desired);
  EXPECT_TRUE(sent.checking_disabled);
  EXPECT_TRUE(sent.edns);
  EXPECT_EQ(sent.udp_octets, 1232);
  EXPECT_FALSE(sent.dnssec_ok);
  EXPECT_NE(sent.asked_wire, N("wWw.eXample.com")) << "the client chose our random spelling";
}

TEST(QuestionStory, BeforeTheFirewallIsReadyNothingIsTold) {
  // The chain ends at a drop by exact name, whose addresses are not known.
  Stage stage({"drop tracker.example.net", "accept www.example.com"});
  const auto id = stage.Ask("www.example.com");
  stage.UpstreamSays({.answer = {ARecord(kToQuestion, dns::kA, V4(203, 0, 113, 1))}});
  EXPECT_EQ(stage.HeardOf(id).answer.rcode, dns::kServFail);
  EXPECT_EQ(stage.HeardOf(id).ede, dns::kEdeNotReady);
  EXPECT_TRUE(stage.firewall.requests.empty());
  stage.NothingIsLeft();
}

TEST(QuestionStory, OneNameGathersNoCrowd) {
  Stage stage({"accept .example.com"});
  for (size_t i = 0; i < kWaitersMax + 5; ++i) {
    stage.Ask("www.example.com");
  }
  EXPECT_EQ(stage.counters.failed, 5U);
  stage.UpstreamSays({.answer = {Record4("www.example.com", 1)}});
  stage.FirewallDoesAll();
  EXPECT_EQ(stage.counters.answered, kWaitersMax);
  stage.NothingIsLeft();
}

TEST(QuestionStory, ClientsShareNothingButALimit) {
  OpenQuestions all(4);
  Stage greedy({"accept"}, &all);
  Stage modest({"accept .example.com"}, &all);
  greedy.Ask("www.example.com");
  modest.Ask("www.example.com");
  EXPECT_EQ(modest.network.sent.size(), 1U) << "one client hears by timing what another asked";
  greedy.Ask("a.test");
  greedy.Ask("b.test");
  EXPECT_EQ(all.count(), 4U);
  EXPECT_EQ(greedy.HeardOf(greedy.Ask("c.test")).answer.rcode, dns::kServFail);
  greedy.Pass(seconds(2));
  modest.UpstreamSays({.answer = {Record4("www.example.com", 1)}});
  EXPECT_TRUE(greedy.firewall.requests.empty());
  modest.FirewallDoesAll();
  EXPECT_EQ(all.count(), 0U);
  greedy.NothingIsLeft();
  modest.NothingIsLeft();
}

TEST(QuestionStory, Trap18_OneNameThreeClients) {
  const Strings rules[] = {{"accept www.example.com tcp 443"},
                           {"accept .example.com tcp 80"},
                           {"accept specialtarget=dns"}};
  const char* hosts[] = {"www.example.com", ".example.com"};
  for (size_t i = 0; i < 3; ++i) {
    Stage stage(rules[i]);
    const auto id = stage.Ask("www.example.com");
    stage.UpstreamSays({.answer = {Record4("www.example.com", 1)}});
    if (i < 2) {
      ASSERT_EQ(stage.firewall.requests.size(), 1U);
      EXPECT_EQ(stage.firewall.requests[0].rule_host, hosts[i]);
      stage.FirewallDoesAll();
    } else {
      EXPECT_TRUE(stage.firewall.requests.empty()) << "a look-up must open nothing";
    }
    EXPECT_EQ(stage.HeardOf(id).Addresses().size(), 1U);
    stage.NothingIsLeft();
  }
}

}  // namespace
}  // namespace dnspin
