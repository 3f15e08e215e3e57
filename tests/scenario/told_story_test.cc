// Stories of what is told besides addresses: TTLs, absence, signatures, truncation (design.md 6,
// 7).

#include "tests/scenario/resolver_stage.h"

namespace dnspin {
namespace {

using namespace stage;  // NOLINT: the vocabulary of the stories

using Strings = std::vector<std::string>;
const Strings kRules = {"accept .example.com tcp 443", "drop"};

TEST(ToldStory, UnpinnedTtlsAreToldAsTheyAre) {
  Stage stage({"accept specialtarget=dns"});
  stage.Ask("other.test");
  stage.UpstreamSays(
      {.answer = {AliasOf("other.test", "end.test", 100), Record4("end.test", 1, 5000)}});
  stage.Pass(milliseconds(10999));
  const Heard heard = stage.HeardOf(stage.Ask("other.test"));
  EXPECT_EQ(heard.answer.answer.at(0).ttl, 90U);
  EXPECT_EQ(heard.answer.answer.at(1).ttl, 4990U);
  EXPECT_EQ(stage.counters.cache_hits, 1U);
  stage.NothingIsLeft();
}

TEST(ToldStory, Trap20_AbsenceIsRememberedAsLongAsItsSoaSays) {
  const struct {
    const char* story;
    Message message;
    std::optional<uint32_t> ttl;  // nothing: not remembered
  } rows[] = {
      {"NXDOMAIN", {.flags = 0x8183, .authority = {SoaOf("example.com", 300, 60)}}, 60},
      {"NODATA", {.authority = {SoaOf("example.com", 30, 60)}}, 30},
      {"an hour at most", {.flags = 0x8183, .authority = {SoaOf("com", 86400, 86400)}}, 300},
      {"top bit", {.flags = 0x8183, .authority = {SoaOf("example.com", 300, 0x80000001)}}, {}},
      {"no SOA", {.flags = 0x8183}, {}},
      {"the SOA of another zone",
       {.flags = 0x8183, .authority = {SoaOf("example.net", 300, 60)}},
       {}},
      {"the SOA of a zone below",
       {.flags = 0x8183, .authority = {SoaOf("x.www.example.com", 300, 60)}},
       {}},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    Stage stage(kRules);
    const auto id = stage.Ask("www.example.com");
    stage.UpstreamSays(row.message);
    const Heard heard = stage.HeardOf(id);
    EXPECT_TRUE(heard.Addresses().empty());
    stage.Pass(seconds(1));
    stage.Ask("www.example.com");
    EXPECT_EQ(stage.network.sent.size(), row.ttl ? 1U : 2U);
    if (row.ttl) {
      ASSERT_EQ(heard.answer.authority.size(), 1U);
      EXPECT_EQ(heard.answer.authority[0].ttl, *row.ttl);
      stage.Pass(seconds(3600));
      stage.Ask("www.example.com");
      EXPECT_EQ(stage.network.sent.size(), 2U) << "remembered too long";
    }
    stage.Pass(seconds(2));
    stage.NothingIsLeft();
  }
}

TEST(ToldStory, AFailureIsRememberedForOneSecond) {
  Stage stage(kRules);
  stage.Ask("www.example.com");
  stage.UpstreamSays({.flags = 0x8182});
  stage.Pass(milliseconds(999));
  EXPECT_EQ(stage.HeardOf(stage.Ask("www.example.com")).answer.rcode, dns::kServFail);
  EXPECT_EQ(stage.network.sent.size(), 1U);
  stage.Pass(milliseconds(1));
  stage.Ask("www.example.com");
  EXPECT_EQ(stage.network.sent.size(), 2U);
  stage.UpstreamSays({.answer = {Record4("www.example.com", 1)}});
  stage.FirewallDoesAll();
  stage.NothingIsLeft();
}

std::string SignatureOf(std::string_view owner, uint16_t covered, std::string_view signer,
                        uint32_t ttl = 300) {
  return ARecord(
      N(owner), dns::kRrsig,
      U16(covered) + O(8) + O(2) + U32(300) + U32(2) + U32(1) + U16(7) + N(signer) + "signature",
      ttl);
}

std::vector<uint16_t> TypesOf(const std::vector<Record>& records) {
  std::vector<uint16_t> types;
  types.reserve(records.size());
  for (const Record& record : records) {
    types.push_back(record.type);
  }
  return types;
}

using Types = std::vector<uint16_t>;

Heard AskWithDo(Stage& stage, uint16_t type, const Message& message) {
  const auto id = stage.Ask("www.example.com", type,
                            [](Question& question, ReturnPath&) { question.dnssec_ok = true; });
  EXPECT_TRUE(stage.LastSent().question.dnssec_ok);
  stage.UpstreamSays(message);
  stage.FirewallDoesAll();
  return stage.HeardOf(id);
}

TEST(ToldStory, SignaturesGoWithWhatTheySign) {
  const std::string nsec =
      ARecord(N("a.example.com"), dns::kNsec, N("z.example.com") + O(0) + O(1) + O(64));
  const Message whole{
      .answer = {AliasOf("www.example.com", "end.example.com"),
                 SignatureOf("www.example.com", dns::kCname, "example.com"),
                 Record4("end.example.com", 1),
                 SignatureOf("end.example.com", dns::kA, "example.com"),
                 SignatureOf("end.example.com", dns::kTxt, "example.com"),
                 SignatureOf("bank.test", dns::kA, "test"),
                 SignatureOf("end.example.com", dns::kA, "evil.test")},
      .authority = {nsec, SignatureOf("a.example.com", dns::kNsec, "example.com"),
                    ARecord(N("x.evil.test"), dns::kNsec, N("z.evil.test") + O(0) + O(1) + O(64)),
                    ARecord(N("example.com"), dns::kNs, N("ns.example.com"))}};
  Stage stage(kRules);
  const Heard heard = AskWithDo(stage, dns::kA, whole);
  EXPECT_EQ(TypesOf(heard.answer.answer), (Types{dns::kCname, dns::kA, dns::kRrsig, dns::kRrsig}));
  EXPECT_EQ(TypesOf(heard.answer.authority), (Types{dns::kNsec, dns::kRrsig}));
  stage.NothingIsLeft();

  Stage without(kRules);
  const auto id = without.Ask("www.example.com");
  without.UpstreamSays(whole);
  without.FirewallDoesAll();
  EXPECT_EQ(TypesOf(without.HeardOf(id).answer.answer), (Types{dns::kCname, dns::kA}));
  EXPECT_TRUE(without.HeardOf(id).answer.authority.empty());
}

TEST(ToldStory, AChangedSetLosesItsSignatures) {
  Stage stage(kRules);
  const Heard heard =
      AskWithDo(stage, dns::kA,
                {.answer = {Record4("www.example.com", 1), RecordOf("www.example.com", "10.0.0.1"),
                            SignatureOf("www.example.com", dns::kA, "example.com")}});
  EXPECT_EQ(TypesOf(heard.answer.answer), Types{dns::kA});
  stage.NothingIsLeft();
}

TEST(ToldStory, AbsenceIsToldWithItsProof) {
  Stage stage(kRules);
  const Heard heard = AskWithDo(
      stage, dns::kA,
      {.flags = 0x8183,
       .authority = {
           SoaOf("example.com", 300, 60), SignatureOf("example.com", dns::kSoa, "example.com"),
           ARecord(N("a.example.com"), dns::kNsec, N("z.example.com") + O(0) + O(1) + O(64)),
           SignatureOf("a.example.com", dns::kNsec, "example.com"),
           ARecord(N("ns.example.com"), dns::kA, V4(203, 0, 113, 66))}});
  EXPECT_EQ(heard.answer.rcode, dns::kNxDomain);
  EXPECT_EQ(TypesOf(heard.answer.authority),
            (Types{dns::kSoa, dns::kNsec, dns::kRrsig, dns::kRrsig}));
  for (const Record& record : heard.answer.authority) {
    EXPECT_EQ(record.ttl, 60U);
  }
  stage.NothingIsLeft();
}

TEST(ToldStory, WhatDoesNotFitIsTruncatedAndTheSameOverTcp) {
  Stage stage(kRules);
  Message many;
  for (size_t i = 0; i < 100; ++i) {
    many.answer.push_back(Record4("www.example.com", static_cast<uint8_t>(i)));
  }
  const auto datagram = stage.Ask("www.example.com");
  stage.UpstreamSays(many);
  stage.FirewallDoesAll();
  EXPECT_TRUE(stage.HeardOf(datagram).truncated);
  EXPECT_TRUE(stage.HeardOf(datagram).answer.answer.empty());
  EXPECT_LE(stage.HeardOf(datagram).octets, 1232U);
  const auto stream = stage.Ask("www.example.com", dns::kA, [](Question&, ReturnPath& path) {
    path.transport = Transport::kTcp;
  });
  stage.FirewallDoesAll();
  EXPECT_FALSE(stage.HeardOf(stream).truncated);
  EXPECT_EQ(stage.HeardOf(stream).Addresses().size(), 100U);
  const auto old = stage.Ask("www.example.com", dns::kA, [](Question& question, ReturnPath&) {
    question.edns = false;
    question.udp_octets = 512;
  });
  stage.FirewallDoesAll();
  EXPECT_LE(stage.HeardOf(old).octets, 512U);
  stage.NothingIsLeft();
}

TEST(ToldStory, Trap6_RotatingAddressesArePinnedEachTime) {
  Stage stage(kRules);
  for (unsigned round = 0; round < 500; ++round) {
    const auto id = stage.Ask("www.example.com");
    Message message;
    for (unsigned i = 0; i < 8; ++i) {
      const unsigned host = (round * 8 + i) % 2000;
      message.answer.push_back(
          ARecord(kToQuestion, dns::kA,
                  V4(198, 18, static_cast<uint8_t>(host >> 8), static_cast<uint8_t>(host)), 5));
    }
    stage.UpstreamSays(message);
    stage.FirewallDoesAll();
    EXPECT_EQ(stage.HeardOf(id).Addresses().size(), 8U);
    EXPECT_EQ(stage.firewall.requests.back().addresses.size(), 8U);
    stage.Pass(seconds(5));
  }
  stage.NothingIsLeft();
}

}  // namespace
}  // namespace dnspin
