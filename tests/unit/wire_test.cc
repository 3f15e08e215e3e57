#include "resolver/wire.h"

#include <gtest/gtest.h>

#include "resolver/reply.h"
#include "tests/unit/dns_bytes.h"

namespace dnspin {
namespace {

using namespace bytes;  // NOLINT: the vocabulary of these tables

absl::StatusOr<Answer> Read(const Message& message) { return ReadAnswer(Octets(message.Wire())); }

TEST(ReplyHeaderTest, TellsWhatIsComparedFirst) {
  Message message{.id = 0xBEEF, .asked = N("wWw.eXample.com"), .type = dns::kAaaa};
  message.behind = "what follows is not looked at";
  const auto header = ReadReplyHeader(Octets(message.Wire()));
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->id, 0xBEEF);
  EXPECT_EQ(header->asked_wire, N("wWw.eXample.com"));
  EXPECT_EQ(header->type, dns::kAaaa);
  EXPECT_FALSE(header->truncated);
  message.flags = 0x8380;
  EXPECT_TRUE(ReadReplyHeader(Octets(message.Wire()))->truncated);
}

TEST(ReplyHeaderTest, WhatIsNoReplyHasNone) {
  const struct {
    const char* story;
    Message message;
  } rows[] = {
      {"a question", {.flags = 0x0100}},
      {"another opcode", {.flags = 0xA180}},
      {"no question", {.questions = 0}},
      {"two questions", {.questions = 2}},
      {"class CHAOS", {.klass = 3}},
      {"a pointer in the question", {.asked = "\3www" + Pointer(12)}},
      {"a question with a label of 64", {.asked = N(std::string(64, 'a'))}},
  };
  for (const auto& row : rows) {
    EXPECT_FALSE(ReadReplyHeader(Octets(row.message.Wire())).has_value()) << row.story;
  }
  const std::string whole = Message{}.Wire();
  EXPECT_TRUE(ReadReplyHeader(Octets(whole)).has_value());
  for (size_t octets = 0; octets < whole.size(); ++octets) {
    EXPECT_FALSE(ReadReplyHeader(Octets(whole.substr(0, octets))).has_value()) << octets;
  }
}

TEST(ReadAnswerTest, NamesComeOutWhole) {
  const auto got = Read({.asked = N("www.Example.com"),
                         .answer = {ARecord(kToQuestion, 5, "\1A\3Cdn" + Pointer(24)),
                                    ARecord(Pointer(45), 1, V4(192, 0, 2, 1))},
                         .authority = {ARecord(Pointer(16), 15, U16(10) + "\2mx" + Pointer(16))}});
  ASSERT_TRUE(got.ok()) << got.status();
  const Answer expected{
      .rcode = 0,
      .asked = Host("www.example.com"),
      .type = 1,
      .answer = {{Host("www.example.com"), 5, 1, 60, N("A.Cdn.com")},
                 {Host("a.cdn.com"), 1, 1, 60, V4(192, 0, 2, 1)}},
      .authority = {{Host("example.com"), 15, 1, 60, U16(10) + N("mx.example.com")}}};
  EXPECT_EQ(*got, expected);
}

// The case of our own question is noise (0x20): a name compressed against it comes out in lower
// case.
TEST(ReadAnswerTest, OurOwnCaseDoesNotComeBack) {
  const auto got = Read({.asked = N("wWw.eXaMPle.cOm"),
                         .answer = {ARecord(kToQuestion, 5, "\3CDN" + Pointer(16)),
                                    ARecord(kToQuestion, 16, "\3aBc")}});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->answer[0].rdata, N("CDN.example.com"));
  EXPECT_EQ(got->answer[1].rdata, "\3aBc");
}

TEST(ReadAnswerTest, EveryFieldIsKept) {
  const auto got = Read(
      {.flags = 0x8183, .type = dns::kTxt, .answer = {ARecord(N("Other.net"), 16, "\1x", 7, 3)}});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->rcode, dns::kNxDomain);
  EXPECT_EQ(got->type, dns::kTxt);
  const Record expected{Host("other.net"), 16, 3, 7, "\1x"};
  EXPECT_EQ(got->answer, std::vector<Record>{expected});
}

TEST(ReadAnswerTest, TtlsWithTheirTopBitSetAreZero) {
  const struct {
    uint32_t wire;
    uint32_t read;
  } rows[] = {{0, 0}, {1, 1}, {0x7FFFFFFF, 0x7FFFFFFF}, {0x80000000, 0}, {0xFFFFFFFF, 0}};
  for (const auto& row : rows) {
    const auto got = Read({.answer = {ARecord(kToQuestion, 1, V4(192, 0, 2, 1), row.wire)}});
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got->answer[0].ttl, row.read) << row.wire;
  }
}

TEST(ReadAnswerTest, ExtendedRcodesAreMerged) {
  const auto read = [](uint16_t flags, uint32_t opt_ttl) {
    return Read({.flags = flags, .additional = {Opt("", opt_ttl)}});
  };
  ASSERT_TRUE(read(0x8182, 0x00008000).ok());
  EXPECT_EQ(read(0x8182, 0x00008000)->rcode, 2);
  EXPECT_FALSE(read(0x8180, 0x01000000).ok()) << "BADVERS, though its low bits say NOERROR";
  EXPECT_FALSE(read(0x8187, 0x01000000).ok()) << "BADCOOKIE";
  EXPECT_TRUE(CheckAnswer(Octets(Message{.additional = {Opt("", 0x01000000)}}.Wire())).ok());
}

TEST(ReadAnswerTest, TheAdditionalSectionIsForgotten) {
  const auto got = Read({.additional = {ARecord(kToQuestion, 1, V4(6, 6, 6, 6)), Opt(),
                                        ARecord(N("a.net"), 28, Zeros(16))}});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_TRUE(got->answer.empty());
  EXPECT_TRUE(got->authority.empty());
}

TEST(ReadAnswerTest, LabelsHoldAnyOctet) {
  const std::string odd("\5a.\0b\\\3com\0", 11);
  const auto got = Read({.answer = {ARecord(odd, 5, odd)}});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->answer[0].owner.Wire(), odd);
  EXPECT_EQ(got->answer[0].rdata, odd);
}

TEST(ReadAnswerTest, WhatIsSaidAgainIsReadAgain) {
  const auto got = Read(
      {.flags = 0x8183,
       .asked = N("a.b.example.com"),
       .answer = {ARecord(kToQuestion, 5, "\3cdn" + Pointer(16)),
                  ARecord(Pointer(45), 1, V4(192, 0, 2, 1)),
                  ARecord(N("x.cdn.b.example.com"), 46, Zeros(18) + Pointer(16) + "signature")},
       .authority = {ARecord(Pointer(16), 6, Pointer(12) + Pointer(16) + Zeros(20))}});
  ASSERT_TRUE(got.ok()) << got.status();
  Question question;
  question.asked_wire = N("A.b.Example.com");
  question.asked = got->asked;
  question.type = got->type;
  const Reply reply{.rcode = got->rcode, .answer = got->answer, .authority = got->authority};
  const auto again = ReadAnswer(Octets(EncodeReply(question, reply, 65535)));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, *got);
}

}  // namespace
}  // namespace dnspin
