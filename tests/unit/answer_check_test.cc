#include <gtest/gtest.h>

#include "pinning/answer.h"
#include "resolver/wire.h"
#include "tests/unit/cpu_time.h"
#include "tests/unit/dns_bytes.h"

namespace dnspin {
namespace {

using namespace bytes;  // NOLINT: the vocabulary of these tables

const std::string kGood = ARecord(kToQuestion, 1, V4(192, 0, 2, 1));
const std::string kHidden = ARecord(kToQuestion, 1, V4(66, 66, 66, 66));

absl::Status CheckWire(const std::string& wire) { return CheckAnswer(Octets(wire)); }
absl::Status Check(const Message& message) { return CheckWire(message.Wire()); }

struct Row {
  const char* story;
  Message message;
};

// hardening.md 1c and R-c1, what ldns alone would take or choke on.
const std::string kSignature = ARecord(N("key"), dns::kTsig, Zeros(20), 0, 255);
const std::string kLabelOf64 = N(std::string(64, 'a'));

const Row kAttacks[] = {
    {"A that hides another in its RDLENGTH",
     {.answer = {ARecord(kToQuestion, 1, V4(192, 0, 2, 1) + kHidden), kGood}}},
    {"A of 8 octets", {.answer = {ARecord(kToQuestion, 1, V4(192, 0, 2, 1) + V4(6, 6, 6, 6))}}},
    {"A of 0 octets", {.answer = {ARecord(kToQuestion, 1, "")}}},
    {"A of 3 octets", {.answer = {ARecord(kToQuestion, 1, "abc")}}},
    {"A of 4 octets in another class still ends where it says",
     {.answer = {ARecord(kToQuestion, 1, "abcde", 60, 3)}}},
    {"AAAA of 15 octets", {.answer = {ARecord(kToQuestion, 28, Zeros(15))}}},
    {"AAAA of 17 octets", {.answer = {ARecord(kToQuestion, 28, Zeros(17))}}},
    {"AAAA of 4 octets", {.answer = {ARecord(kToQuestion, 28, Zeros(4))}}},
    {"CNAME with RDLENGTH behind its name",
     {.answer = {ARecord(kToQuestion, 5, N("a.net") + kHidden), kGood}}},
    {"CNAME with RDLENGTH before its name's end",
     {.answer = {LyingRecord(kToQuestion, 5, N("a.net"), 3), kGood}}},
    {"CNAME with RDLENGTH inside its pointer",
     {.answer = {LyingRecord(kToQuestion, 5, Pointer(16), 1), kGood}}},
    {"CNAME of nothing", {.answer = {ARecord(kToQuestion, 5, "")}}},
    {"RDLENGTH beyond the message", {.answer = {LyingRecord(kToQuestion, 1, V4(1, 2, 3, 4), 5)}}},
    {"RDLENGTH of 65535", {.answer = {LyingRecord(kToQuestion, 666, "abc", 65535)}}},
    {"owner points forward", {.answer = {ARecord(Pointer(45), 1, V4(192, 0, 2, 1)), kGood}}},
    {"owner points at itself", {.answer = {ARecord(Pointer(33), 1, V4(192, 0, 2, 1))}}},
    {"owner points at its own label",
     {.answer = {ARecord("\1a" + Pointer(33), 1, V4(192, 0, 2, 1))}}},
    {"owner points into the header", {.answer = {ARecord(Pointer(0), 1, V4(192, 0, 2, 1))}}},
    {"owner points at the header's last octet",
     {.answer = {ARecord(Pointer(11), 1, V4(192, 0, 2, 1))}}},
    {"target points forward", {.answer = {ARecord(kToQuestion, 5, Pointer(47) + Zeros(1))}}},
    {"target points into its own label",
     {.answer = {ARecord(kToQuestion, 5, "\1a" + Pointer(46))}}},
    {"target points beyond the message", {.answer = {ARecord(kToQuestion, 5, Pointer(16000))}}},
    {"owner's part begins before it and ends behind it",
     {.answer = {ARecord(kToQuestion, 666, "\15"), ARecord(Pointer(45), 1, V4(0, 0, 0, 0))}}},
    {"owner's part begins before it and ends in its own label",
     {.answer = {ARecord(kToQuestion, 666, "\2"),
                 ARecord("\3a" + Zeros(1) + "b" + Pointer(45), 1, V4(0, 0, 0, 0))}}},
    {"question with a pointer", {.asked = "\3www" + Pointer(12), .answer = {kGood}}},
    {"owner with a label of 64", {.answer = {ARecord(kLabelOf64, 1, V4(192, 0, 2, 1))}}},
    {"owner with a label type of 1997",
     {.answer = {ARecord(std::string("\x80"
                                     "a\0",
                                     3),
                         1, V4(192, 0, 2, 1))}}},
    {"OPT in the answer", {.answer = {kGood, Opt()}}},
    {"OPT in the authority", {.answer = {kGood}, .authority = {Opt()}}},
    {"two OPTs", {.answer = {kGood}, .additional = {Opt(), Opt()}}},
    {"OPT with an owner",
     {.answer = {kGood}, .additional = {Opt("", 0, 1232, N("www.example.com"))}}},
    {"OPT whose owner is a pointer to the root",
     {.answer = {kGood}, .additional = {Opt("", 0, 1232, Pointer(28))}}},
    {"OPT with half an option", {.answer = {kGood}, .additional = {Opt(U16(3) + O(0))}}},
    {"OPT with an option beyond it",
     {.answer = {kGood}, .additional = {Opt(U16(3) + U16(9) + "a")}}},
    {"TSIG", {.answer = {kGood}, .additional = {kSignature}}},
    {"two TSIGs", {.answer = {kGood}, .additional = {kSignature, kSignature}}},
    {"TSIG in the answer", {.answer = {kSignature}}},
    {"TKEY", {.answer = {ARecord(kToQuestion, 249, Zeros(17))}}},
    {"a question type as data", {.answer = {ARecord(kToQuestion, dns::kAny, Zeros(4))}}},
    {"type 0 as data", {.answer = {ARecord(kToQuestion, 0, "")}}},
    {"trailing octet", {.answer = {kGood}, .behind = "!"}},
    {"a record more than counted", {.answer = {kGood}, .behind = kHidden}},
    {"QDCOUNT 0", {.questions = 0, .answer = {ARecord(N("a.net"), 1, V4(192, 0, 2, 1))}}},
    {"QDCOUNT 2", {.questions = 2, .answer = {kGood}}},
    {"not a reply", {.flags = 0x0100, .answer = {kGood}}},
    {"opcode NOTIFY", {.flags = 0xA000, .answer = {kGood}}},
    {"question of class CHAOS", {.klass = 3, .answer = {kGood}}},
    {"TXT without a string", {.answer = {ARecord(kToQuestion, 16, "")}}},
    {"TXT with a string beyond it", {.answer = {ARecord(kToQuestion, 16, "\4abc")}}},
    {"TXT whose string reaches into the next record",
     {.answer = {LyingRecord(kToQuestion, 16, "\x20", 1), kGood, kGood}}},
    {"TXT of 257 strings", {.answer = {ARecord(kToQuestion, 16, Zeros(257))}}},
    {"SOA without its last field",
     {.answer = {ARecord(kToQuestion, 6, Pointer(12) + Pointer(12) + Zeros(16))}}},
    {"RRSIG without a signer", {.answer = {ARecord(kToQuestion, 46, Zeros(18))}}},
    {"NSEC with an empty window", {.answer = {ARecord(kToQuestion, 47, N("b") + Zeros(2))}}},
    {"NSEC with a window of 33 octets",
     {.answer = {ARecord(kToQuestion, 47, N("b") + O(0) + O(33) + Zeros(33))}}},
    {"NSEC with windows out of order",
     {.answer = {ARecord(kToQuestion, 47, N("b") + "\1\1\1" + O(0) + "\1\1")}}},
    {"NSEC with a window twice",
     {.answer = {ARecord(kToQuestion, 47, N("b") + "\1\1\1" + "\1\1\1")}}},
    {"NSEC with a window beyond it", {.answer = {ARecord(kToQuestion, 47, N("b") + "\1\5\1")}}},
    {"NSEC3 with a salt beyond it",
     {.answer = {ARecord(kToQuestion, 50,
                         O(1) + O(0) + U16(5) +
                             "\x09"
                             "abc")}}},
    {"DNSKEY of 3 octets", {.answer = {ARecord(kToQuestion, 48, Zeros(3))}}},
    {"DS of 3 octets", {.answer = {ARecord(kToQuestion, 43, Zeros(3))}}},
    {"HTTPS with a compressed target",
     {.answer = {ARecord(kToQuestion, 65, U16(1) + Pointer(12))}}},
    {"HTTPS with keys out of order",
     {.answer = {ARecord(kToQuestion, 65,
                         U16(1) + N("") + U16(3) + U16(2) + U16(443) + U16(2) + U16(0))}}},
    {"HTTPS with a key twice",
     {.answer = {ARecord(kToQuestion, 65, U16(1) + N("") + U16(9) + U16(0) + U16(9) + U16(0))}}},
    {"HTTPS with a value beyond it",
     {.answer = {ARecord(kToQuestion, 65, U16(1) + N("") + U16(9) + U16(5) + "abcd")}}},
    {"HTTPS with half a key", {.answer = {ARecord(kToQuestion, 65, U16(1) + N("") + O(0))}}},
    {"HIP with a key beyond it",
     {.answer = {ARecord(kToQuestion, 55, O(4) + O(2) + U16(9) + "abcdefgh")}}},
    {"bad record in the authority", {.authority = {ARecord(kToQuestion, 1, "")}}},
    {"bad record in the additional", {.answer = {kGood}, .additional = {ARecord(N(""), 1, "")}}},
};

TEST(AnswerCheckTest, AttacksAreRefused) {
  ASSERT_TRUE(Check({.answer = {kGood}}).ok());
  for (const Row& row : kAttacks) {
    const std::string wire = row.message.Wire();
    const absl::Status status = CheckWire(wire);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << row.story;
    EXPECT_EQ(ReadAnswer(Octets(wire)).status(), status) << row.story;
  }
}

TEST(AnswerCheckTest, AnyOctetChangedIsRefusedOrReadAlike) {
  Message message;
  message.answer = {ARecord(kToQuestion, 5, "\1a\3cdn" + Pointer(16)),
                    ARecord(Pointer(45), 1, V4(192, 0, 2, 1)),
                    ARecord(Pointer(45), 46, Zeros(18) + Pointer(24) + "sig"),
                    ARecord(kToQuestion, 16, S("text") + S("more"))};
  message.authority = {ARecord(Pointer(16), 6, Pointer(12) + Pointer(16) + Zeros(20))};
  message.additional = {Opt()};
  const std::string whole = message.Wire();
  ASSERT_TRUE(ReadAnswer(Octets(whole)).ok());
  size_t refused = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    for (int octet = 0; octet < 256; ++octet) {
      std::string changed = whole;
      changed[at] = static_cast<char>(octet);
      const auto answer = ReadAnswer(Octets(changed));
      ASSERT_NE(answer.status().code(), absl::StatusCode::kInternal) << at << " " << octet;
      refused += answer.ok() ? 0 : 1;
    }
  }
  EXPECT_GT(refused, whole.size() * 16);
}

TEST(AnswerCheckTest, LimitsAreExact) {
  const auto answers = [](size_t count) {
    return Check({.answer = std::vector<std::string>(count, kGood)});
  };
  EXPECT_TRUE(answers(256).ok());
  EXPECT_FALSE(answers(257).ok());
  const auto records = [](size_t count) {
    return Check({.answer = std::vector<std::string>(256, kGood),
                  .authority = std::vector<std::string>(200, kGood),
                  .additional = std::vector<std::string>(count - 456, kGood)});
  };
  EXPECT_TRUE(records(512).ok());
  EXPECT_FALSE(records(513).ok());
  EXPECT_TRUE(Check({.answer = {ARecord(kToQuestion, 16, Zeros(256))}}).ok());

  const auto longest = [](size_t last) {  // 4 + 64 * 3 + 1 + last + the question's 13
    return Check({.answer = {ARecord("\3abc" + std::string("\x3f") + std::string(63, 'a') + "\x3f" +
                                         std::string(63, 'b') + "\x3f" + std::string(63, 'c') +
                                         O(last) + std::string(last, 'd') + Pointer(16),
                                     1, V4(192, 0, 2, 1))}});
  };
  EXPECT_TRUE(longest(45).ok()) << "255 octets";
  EXPECT_FALSE(longest(46).ok()) << "256 octets";

  const std::string most(65535 - 45, 'x');
  EXPECT_TRUE(Check({.answer = {ARecord(kToQuestion, 666, most)}}).ok());
  EXPECT_FALSE(Check({.answer = {ARecord(kToQuestion, 666, most + "x")}}).ok());
}

// A name at the end of a chain of `hops` pointers, each to the one before it.
Message Chain(size_t hops) {
  std::string chain = Zeros(1);
  size_t at = 33 + 12;  // where the first record's RDATA lies
  for (size_t i = 1; i < hops; ++i) {
    chain += Pointer(i == 1 ? at : at + 1 + 2 * (i - 2));
  }
  const size_t last = at + chain.size() - 2;
  return {.answer = {ARecord(kToQuestion, 666, chain), ARecord(kToQuestion, 5, Pointer(last))}};
}

TEST(AnswerCheckTest, PointersAreFollowedSoFar) {
  EXPECT_TRUE(Check(Chain(2)).ok()) << Check(Chain(2));
  EXPECT_TRUE(Check(Chain(126)).ok()) << Check(Chain(126));
  EXPECT_FALSE(Check(Chain(127)).ok());
}

double MillisecondsOf(const std::string& wire) {
  return CpuMilliseconds([&] { (void)ReadAnswer(Octets(wire)); });
}

TEST(AnswerCheckTest, BombsAreRefusedQuickly) {
  const Message strings{.answer = {ARecord(kToQuestion, 16, Zeros(65000))}};
  EXPECT_FALSE(Check(strings).ok());
  EXPECT_LT(MillisecondsOf(strings.Wire()), kMessageMillisecondsMax);

  Message pointers = Chain(8100);
  const std::string last = pointers.answer.back();
  pointers.answer.resize(1);
  while (pointers.answer.size() < 3518) {
    pointers.answer.push_back(last);
  }
  EXPECT_FALSE(Check(pointers).ok());
  EXPECT_LT(MillisecondsOf(pointers.Wire()), kMessageMillisecondsMax);
  pointers.answer.resize(256);
  EXPECT_FALSE(Check(pointers).ok());
  EXPECT_LT(MillisecondsOf(pointers.Wire()), kMessageMillisecondsMax);
}

TEST(AnswerCheckTest, TheWorstThatIsTakenIsCheapToo) {
  Message pointers = Chain(126);
  const std::string owner = pointers.answer.back().substr(pointers.answer.back().size() - 2);
  pointers.answer.resize(1);
  while (Check(pointers).ok()) {
    pointers.answer.push_back(ARecord(owner, 6, owner + owner + Zeros(20)));
  }
  pointers.answer.pop_back();
  EXPECT_EQ(pointers.answer.size(), 44U) << "43 of three names of 126 pointers: 16,254 of 16,384";
  EXPECT_LT(MillisecondsOf(pointers.Wire()), kMessageMillisecondsMax);

  Message strings;
  while (Check(strings).ok()) {
    strings.answer.push_back(ARecord(kToQuestion, 16, Zeros(256)));
  }
  strings.answer.pop_back();
  EXPECT_EQ(strings.answer.size(), 25U) << "6,400 strings of 256 octets each";
  EXPECT_LT(MillisecondsOf(strings.Wire()), kMessageMillisecondsMax);

  const std::string servers(16, '\0');
  const Message hosts{
      .answer = std::vector<std::string>(256, ARecord(kToQuestion, 55, Zeros(4) + servers)),
      .authority = std::vector<std::string>(256, ARecord(kToQuestion, 55, Zeros(4) + servers))};
  EXPECT_TRUE(Check(hosts).ok());
  EXPECT_LT(MillisecondsOf(hosts.Wire()), kMessageMillisecondsMax);
  EXPECT_FALSE(Check({.answer = {ARecord(kToQuestion, 55, Zeros(4) + servers + Zeros(1))}}).ok());

  std::string text;
  while (Check({.answer = {ARecord(kToQuestion, 16, text + S(std::string(255, 'x')))}}).ok()) {
    text += S(std::string(255, 'x'));
  }
  EXPECT_EQ(text.size(), 90U * 256) << "one text of 23 kB";
}

}  // namespace
}  // namespace dnspin
