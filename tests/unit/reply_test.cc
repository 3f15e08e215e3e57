#include "resolver/reply.h"

#include <gtest/gtest.h>

#include "resolver/wire.h"
#include "tests/unit/dns_bytes.h"

namespace dnspin {
namespace {

using namespace bytes;  // NOLINT: the vocabulary of these tables

Question Asked(std::string_view name = "wWw.Example.com", uint16_t type = dns::kA) {
  Question question;
  question.id = 0xBEEF;
  question.recursion_desired = true;
  question.asked_wire = N(name);
  question.asked = Host(name);
  question.type = type;
  return question;
}

Record A(std::string_view owner, uint8_t last, uint32_t ttl = 60) {
  return {.owner = Host(owner), .type = dns::kA, .ttl = ttl, .rdata = V4(192, 0, 2, last)};
}

constexpr uint16_t kFlags = 0x8180;  // QR RD RA

std::string Head(uint16_t flags, size_t answers, size_t authorities, size_t additionals) {
  return U16(0xBEEF) + U16(flags) + U16(1) + U16(answers) + U16(authorities) + U16(additionals) +
         N("wWw.Example.com") + U16(1) + U16(1);
}

TEST(ReplyTest, OwnersPointAtTheClientsOwnSpelling) {
  const Reply reply{.answer = {A("www.example.com", 1), A("www.example.com", 2)}};
  EXPECT_EQ(EncodeReply(Asked(), reply, 512), Head(kFlags, 2, 0, 0) +
                                                  ARecord(Pointer(12), 1, V4(192, 0, 2, 1)) +
                                                  ARecord(Pointer(12), 1, V4(192, 0, 2, 2)));
}

TEST(ReplyTest, OwnersAreCompressedAgainstEachOther) {
  Reply reply;
  reply.answer = {{Host("www.example.com"), dns::kCname, dns::kIn, 60, N("a.cdn.example.net")},
                  A("a.cdn.example.net", 1),
                  A("a.cdn.example.net", 2),
                  A("b.cdn.example.net", 3),
                  A("x.example.com", 4),
                  A("com", 5),
                  A("", 6)};
  const std::string cname = ARecord(Pointer(12), 5, N("a.cdn.example.net"));
  const size_t cdn = 33 + cname.size();  // "a.cdn…" as an owner; a name in RDATA is no target
  EXPECT_EQ(EncodeReply(Asked(), reply, 512),
            Head(kFlags, 7, 0, 0) + cname +
                ARecord("\1a\3cdn\7example\3net" + Zeros(1), 1, V4(192, 0, 2, 1)) +
                ARecord(Pointer(cdn), 1, V4(192, 0, 2, 2)) +
                ARecord("\1b" + Pointer(cdn + 2), 1, V4(192, 0, 2, 3)) +
                ARecord("\1x" + Pointer(16), 1, V4(192, 0, 2, 4)) +
                ARecord(Pointer(24), 1, V4(192, 0, 2, 5)) + ARecord(Zeros(1), 1, V4(192, 0, 2, 6)));
}

TEST(ReplyTest, FlagsAreTheClientsAndOurs) {
  Question question = Asked();
  const auto flags = [&](const Reply& reply) {
    return EncodeReply(question, reply, 512).substr(2, 2);
  };
  EXPECT_EQ(flags({.rcode = dns::kNxDomain}), U16(0x8183));
  question.recursion_desired = false;
  EXPECT_EQ(flags({}), U16(0x8080));
  question.checking_disabled = true;
  EXPECT_EQ(flags({.rcode = dns::kServFail}), U16(0x8092));
}

TEST(ReplyTest, SectionsKeepTypeClassAndTtl) {
  Reply reply{.rcode = dns::kNxDomain};
  reply.authority = {{Host("example.com"), dns::kSoa, 3, 0x7FFFFFFF, "soa"}};
  EXPECT_EQ(EncodeReply(Asked(), reply, 512),
            Head(0x8183, 0, 1, 0) + ARecord(Pointer(16), 6, "soa", 0x7FFFFFFF, 3));
}

TEST(ReplyTest, OptIsForClientsThatSentOne) {
  const Reply blocked{.rcode = dns::kRefused, .ede = dns::kEdeBlocked};
  Question question = Asked();
  EXPECT_EQ(EncodeReply(question, blocked, 512), Head(0x8185, 0, 0, 0));
  question.edns = true;
  const std::string option = U16(15) + U16(17) + U16(15) + "blocked by rule";
  EXPECT_EQ(EncodeReply(question, blocked, 512), Head(0x8185, 0, 0, 1) + Opt(option));
  EXPECT_EQ(EncodeReply(question, {}, 512), Head(kFlags, 0, 0, 1) + Opt());
  question.dnssec_ok = true;
  EXPECT_EQ(EncodeReply(question, {}, 512), Head(kFlags, 0, 0, 1) + Opt("", 0x8000));
}

TEST(ReplyTest, ExtendedErrorsHaveTextsOfTheirOwn) {
  Question question = Asked();
  question.edns = true;
  std::vector<std::string> seen;
  for (const uint16_t code :
       {dns::kEdeNotReady, dns::kEdeBlocked, dns::kEdeFiltered, dns::kEdeProhibited,
        dns::kEdeNotSupported, dns::kEdeNoReachableAuthority, dns::kEdeNetworkError,
        dns::kEdeInvalidData}) {
    const std::string reply = EncodeReply(question, {.ede = code}, 512);
    const std::string text = reply.substr(33 + 11 + 6);
    EXPECT_EQ(reply.substr(33 + 11 + 4, 2), U16(code));
    EXPECT_FALSE(text.empty()) << code;
    EXPECT_EQ(std::count(seen.begin(), seen.end(), text), 0) << text;
    seen.push_back(text);
  }
  EXPECT_EQ(EncodeReply(question, {.ede = dns::kEdeOther}, 512).size(), 33U + 11 + 6) << "no text";
}

TEST(ReplyTest, WhatDoesNotFitIsToldToComeByTcp) {
  Question question = Asked();
  question.edns = true;
  Reply reply{.ede = dns::kEdeFiltered};
  for (uint8_t i = 0; i < 30; ++i) {
    reply.answer.push_back(A("www.example.com", i));
  }
  reply.authority = {{Host("example.com"), dns::kNs, dns::kIn, 60, N("ns.example.com")}};
  const std::string whole = EncodeReply(question, reply, 65535);
  EXPECT_EQ(EncodeReply(question, reply, whole.size()), whole) << "exactly fits";
  const std::string cut = EncodeReply(question, reply, whole.size() - 1);
  const std::string opt = Opt(U16(15) + U16(19) + U16(17) + "forbidden address");
  EXPECT_EQ(cut, Head(kFlags | 0x0200, 0, 0, 1) + opt);
}

TEST(ReplyTest, RdataBeyondItsLengthFieldNeverFits) {
  Reply reply;
  reply.answer = {{Host("www.example.com"), 666, dns::kIn, 60, std::string(65536, 'x')}};
  EXPECT_EQ(EncodeReply(Asked(), reply, 1 << 20), Head(kFlags | 0x0200, 0, 0, 0));
}

TEST(ReplyTest, PointersReachNoFurtherThanTheyCan) {
  Reply reply;
  reply.answer = {{Host("www.example.com"), 666, dns::kIn, 60, std::string(20000, 'x')},
                  A("far.example.net", 1),
                  A("far.example.net", 2)};
  const std::string bytes = EncodeReply(Asked(), reply, 65535);
  const auto answer = ReadAnswer(Octets(bytes));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->answer, reply.answer);
}

TEST(ReplyTest, UpstreamIsAskedByAPlainQuestion) {
  const std::string header = U16(7) + U16(0x0100) + U16(1) + U16(0) + U16(0) + U16(1);
  const std::string question = N("wWW.example.com") + U16(28) + U16(1);
  EXPECT_EQ(EncodeUpstreamQuestion(7, N("wWW.example.com"), 28, false, false),
            header + question + Opt());
  EXPECT_EQ(EncodeUpstreamQuestion(7, N("wWW.example.com"), 28, true, true),
            U16(7) + U16(0x0110) + header.substr(4) + question + Opt("", 0x8000));
}

}  // namespace
}  // namespace dnspin
