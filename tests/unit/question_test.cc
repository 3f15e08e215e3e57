#include "resolver/question.h"

#include <gtest/gtest.h>

#include "pinning/answer.h"
#include "tests/unit/dns_bytes.h"

namespace dnspin {
namespace {

using namespace bytes;  // NOLINT: the vocabulary of these tables

Message Asking() { return {.flags = 0x0100}; }

Question Read(const std::string& packet) {
  const QuestionResult result = ReadQuestion(Octets(packet));
  EXPECT_TRUE(std::holds_alternative<Question>(result));
  return std::holds_alternative<Question>(result) ? std::get<Question>(result) : Question{};
}

std::string ReadEarly(const std::string& packet) {
  const QuestionResult result = ReadQuestion(Octets(packet));
  EXPECT_TRUE(std::holds_alternative<EarlyReply>(result));
  return std::holds_alternative<EarlyReply>(result) ? std::get<EarlyReply>(result).bytes : "";
}

TEST(QuestionTest, PlainQuestionIsReadAsItIs) {
  Message message = Asking();
  message.asked = N("wWw.Example.com");
  message.type = dns::kAaaa;
  const Question question = Read(message.Wire());
  EXPECT_EQ(question.id, 0x1234);
  EXPECT_TRUE(question.recursion_desired);
  EXPECT_FALSE(question.checking_disabled);
  EXPECT_EQ(question.asked_wire, N("wWw.Example.com"));
  EXPECT_EQ(question.asked, Host("www.example.com"));
  EXPECT_EQ(question.type, dns::kAaaa);
  EXPECT_FALSE(question.edns);
  EXPECT_EQ(question.udp_octets, 512);
  EXPECT_FALSE(question.dnssec_ok);
}

TEST(QuestionTest, HeaderBitsAreTheClients) {
  Message message = Asking();
  message.flags = 0x0010;  // RD=0, CD=1
  EXPECT_FALSE(Read(message.Wire()).recursion_desired);
  EXPECT_TRUE(Read(message.Wire()).checking_disabled);
  message.flags = 0x0768;  // AA, TC, RD, Z, AD and an RCODE mean nothing here
  EXPECT_TRUE(Read(message.Wire()).recursion_desired);
}

TEST(QuestionTest, EdnsSizesAreClamped) {
  const struct {
    size_t told;
    uint16_t taken;
  } rows[] = {{0, 512},     {511, 512},   {512, 512},   {1000, 1000},
              {1232, 1232}, {1233, 1232}, {65535, 1232}};
  for (const auto& row : rows) {
    Message message = Asking();
    message.additional = {Opt("", 0, row.told)};
    const Question question = Read(message.Wire());
    EXPECT_TRUE(question.edns);
    EXPECT_FALSE(question.dnssec_ok);
    EXPECT_EQ(question.udp_octets, row.taken) << row.told;
  }
}

TEST(QuestionTest, DnssecOkIsReadAndOtherEdnsBitsAreNot) {
  Message message = Asking();
  message.additional = {Opt("", 0x00008000)};
  EXPECT_TRUE(Read(message.Wire()).dnssec_ok);
  message.additional = {Opt("", 0xFF007FFF)};  // an RCODE and all of Z
  EXPECT_FALSE(Read(message.Wire()).dnssec_ok);
}

TEST(QuestionTest, OptionsAreStrangersAndIgnored) {
  Message message = Asking();
  const std::string subnet =
      U16(8) + U16(7) + U16(1) + "\x18" + Zeros(1) + V4(192, 0, 2, 0).substr(1);
  const std::string unknown = U16(65001) + U16(3) + "abc" + U16(12) + U16(0);
  message.additional = {Opt(subnet + unknown)};
  EXPECT_TRUE(Read(message.Wire()).edns);
}

TEST(QuestionTest, AnyTypeOfDataAndAnyNameMayBeAsked) {
  for (const int type : {1, 28, 64, 65, 127, 255, 256, 666, 32769, 65535}) {
    Message message = Asking();
    message.type = static_cast<uint16_t>(type);
    EXPECT_EQ(Read(message.Wire()).type, type);
  }
  const std::string longest = N(std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                                std::string(63, 'c') + "." + std::string(61, 'd'));
  ASSERT_EQ(longest.size(), 255U);
  for (const std::string& name : {N(""), longest, N("a b"), std::string("\3\0.\377\0", 5)}) {
    Message message = Asking();
    message.asked = name;
    EXPECT_EQ(Read(message.Wire()).asked_wire, name);
  }
}

TEST(QuestionTest, WhatIsNoQuestionIsNotAnswered) {
  const std::string whole = Asking().Wire();
  for (size_t octets = 0; octets < 12; ++octets) {
    EXPECT_TRUE(
        std::holds_alternative<IgnoredPacket>(ReadQuestion(Octets(whole.substr(0, octets)))));
  }
  for (const int flags : {0x8000, 0x8100, 0x8180, 0xFFFF}) {  // a reply is never answered
    Message message = Asking();
    message.flags = static_cast<uint16_t>(flags);
    EXPECT_TRUE(std::holds_alternative<IgnoredPacket>(ReadQuestion(Octets(message.Wire()))));
  }
}

struct Early {
  const char* story;
  Message message;
  int rcode;
  bool echoed = true;  // the question comes back
  bool opt = false;    // and an OPT
};

Message Changed(auto&& change) {
  Message message = Asking();
  change(message);
  return message;
}

const std::string kRecord = ARecord(kToQuestion, 1, V4(192, 0, 2, 1));

const Early kEarlyRows[] = {
    {"status", Changed([](Message& m) { m.flags = 0x1000; }), dns::kNotImp, false},
    {"notify", Changed([](Message& m) { m.flags = 0x2000; }), dns::kNotImp, false},
    {"update with its zone", Changed([](Message& m) {
       m.flags = 0x2900;
       m.type = 6;
     }),
     dns::kNotImp, false},
    {"opcode 15, header alone", Changed([](Message& m) {
       m.flags = 0x7800;
       m.questions = 0;
     }),
     dns::kNotImp, false},
    {"no question", Changed([](Message& m) { m.questions = 0; }), dns::kFormErr, false},
    {"two questions", Changed([](Message& m) { m.questions = 2; }), dns::kFormErr, false},
    {"an answer in a question", Changed([](Message& m) { m.answer = {kRecord}; }), dns::kFormErr},
    {"an authority in a question", Changed([](Message& m) { m.authority = {kRecord}; }),
     dns::kFormErr},
    {"a pointer to itself", Changed([](Message& m) { m.asked = Pointer(12); }), dns::kFormErr,
     false},
    {"a pointer behind a label", Changed([](Message& m) { m.asked = "\3www" + Pointer(12); }),
     dns::kFormErr, false},
    {"a pointer into the header", Changed([](Message& m) { m.asked = "\3www" + Pointer(4); }),
     dns::kFormErr, false},
    {"a label of 64", Changed([](Message& m) { m.asked = N(std::string(64, 'a')); }), dns::kFormErr,
     false},
    {"a label type of 1997", Changed([](Message& m) {
       m.asked = std::string(
           "\x80"
           "a\0",
           3);
     }),
     dns::kFormErr, false},
    {"a name of 256", Changed([](Message& m) {
       m.asked = N(std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') +
                   "." + std::string(62, 'd'));
     }),
     dns::kFormErr, false},
    {"no type", Changed([](Message& m) {
       m.questions = 1;
       m.asked = "\3www";
     }),
     dns::kFormErr, false},
    {"an octet too many", Changed([](Message& m) { m.behind = "!"; }), dns::kFormErr},
    {"an octet too many behind OPT", Changed([](Message& m) {
       m.additional = {Opt()};
       m.behind = "!";
     }),
     dns::kFormErr},
    {"an additional that is not there", Changed([](Message& m) { m.additional = {""}; }),
     dns::kFormErr},
    {"an answer counted, but not there", Changed([](Message& m) { m.answer = {""}; }),
     dns::kFormErr},
    {"an authority counted, but not there", Changed([](Message& m) { m.authority = {""}; }),
     dns::kFormErr},
    {"two OPTs counted, one there", Changed([](Message& m) {
       m.additional = {Opt(), ""};
     }),
     dns::kFormErr},
    {"an OPT whose root has a length",
     Changed([](Message& m) { m.additional = {Opt("", 0, 1232, "\1")}; }), dns::kFormErr},
    {"two additionals counted, none there", Changed([](Message& m) {
       m.additional = {"", ""};
     }),
     dns::kFormErr},
    {"two OPTs", Changed([](Message& m) {
       m.additional = {Opt(), Opt()};
     }),
     dns::kFormErr},
    {"an OPT with an owner", Changed([](Message& m) { m.additional = {Opt("", 0, 1232, N("a"))}; }),
     dns::kFormErr},
    {"an OPT whose owner is a pointer",
     Changed([](Message& m) { m.additional = {Opt("", 0, 1232, Pointer(28))}; }), dns::kFormErr},
    {"an option beyond the OPT",
     Changed([](Message& m) { m.additional = {Opt(U16(3) + U16(5) + "abcd")}; }), dns::kFormErr},
    {"half an option", Changed([](Message& m) { m.additional = {Opt(U16(3) + Zeros(1))}; }),
     dns::kFormErr},
    {"an OPT beyond the packet",
     Changed([](Message& m) { m.additional = {LyingRecord(Zeros(1), 41, "", 1)}; }), dns::kFormErr},
    {"an address in the additional section", Changed([](Message& m) { m.additional = {kRecord}; }),
     dns::kFormErr},
    {"TSIG",
     Changed([](Message& m) { m.additional = {ARecord(N("key"), dns::kTsig, Zeros(16), 0, 255)}; }),
     dns::kFormErr},
    {"SIG(0)", Changed([](Message& m) { m.additional = {ARecord(N(""), 24, Zeros(20), 0, 255)}; }),
     dns::kFormErr},
    {"TSIG behind OPT", Changed([](Message& m) {
       m.additional = {Opt(), ARecord(N("key"), dns::kTsig, Zeros(16), 0, 255)};
     }),
     dns::kFormErr},
    {"EDNS 1", Changed([](Message& m) { m.additional = {Opt("", 0x00010000)}; }), 16, true, true},
    {"EDNS 255 with options of its own",
     Changed([](Message& m) { m.additional = {Opt("x", 0x00FF8000)}; }), 16, true, true},
    {"version.bind", Changed([](Message& m) {
       m.asked = N("version.bind");
       m.type = dns::kTxt;
       m.klass = dns::kChaos;
     }),
     dns::kRefused},
    {"class ANY", Changed([](Message& m) {
       m.klass = 255;
       m.additional = {Opt()};
     }),
     dns::kRefused, true, true},
    {"AXFR", Changed([](Message& m) { m.type = dns::kAxfr; }), dns::kRefused},
    {"IXFR", Changed([](Message& m) {
       m.type = dns::kIxfr;
       m.additional = {Opt()};
     }),
     dns::kRefused, true, true},
    {"TSIG as a type", Changed([](Message& m) { m.type = dns::kTsig; }), dns::kRefused},
    {"NXNAME", Changed([](Message& m) { m.type = 128; }), dns::kRefused},
    {"MAILA", Changed([](Message& m) { m.type = 254; }), dns::kRefused},
    {"OPT as a type", Changed([](Message& m) { m.type = dns::kOpt; }), dns::kRefused},
    {"type 0", Changed([](Message& m) { m.type = 0; }), dns::kRefused},
};

TEST(QuestionTest, WhatCannotBeServedIsAnsweredAtOnce) {
  for (const Early& row : kEarlyRows) {
    SCOPED_TRACE(row.story);
    const std::string packet = row.message.Wire();
    const std::string reply = ReadEarly(packet);
    ASSERT_GE(reply.size(), 12U);
    EXPECT_EQ(reply.substr(0, 2), U16(0x1234));
    const size_t flags =
        static_cast<size_t>(static_cast<uint8_t>(reply[2])) << 8 | static_cast<uint8_t>(reply[3]);
    const size_t asked_flags = row.message.flags;
    EXPECT_EQ(flags & 0xF860, 0x8000U | (asked_flags & 0x7800)) << "QR, opcode, Z and AD";
    EXPECT_EQ(flags & 0x0600, 0U) << "AA and TC";
    EXPECT_EQ(flags & 0x000F, static_cast<size_t>(row.rcode) & 0xF);
    const std::string question = packet.substr(12, row.message.asked.size() + 4);
    EXPECT_EQ(reply.substr(4, 8), U16(row.echoed) + Zeros(4) + U16(row.opt));
    const std::string rest = reply.substr(12);
    if (!row.echoed) {
      EXPECT_EQ(rest, "");
      continue;
    }
    EXPECT_EQ(rest.substr(0, question.size()), question);
    const std::string opt = rest.substr(question.size());
    if (!row.opt) {
      EXPECT_EQ(opt, "");
    } else {
      // Root, OPT, 1232 octets, the RCODE's upper half, version 0.
      EXPECT_EQ(opt.substr(0, 7), Zeros(1) + U16(41) + U16(1232) +
                                      std::string(1, static_cast<char>(row.rcode >> 4)) + Zeros(1));
      EXPECT_EQ(opt.find(U16(15)) != std::string::npos, row.rcode == dns::kRefused) << "EDE";
    }
  }
}

TEST(QuestionTest, EarlyRepliesKeepTheClientsBits) {
  Message message = Asking();
  message.flags = 0x0110;
  message.klass = dns::kChaos;
  EXPECT_EQ(ReadEarly(message.Wire()).substr(2, 2), U16(0x8195));  // QR RD RA CD REFUSED
  message.flags = 0x0000;
  EXPECT_EQ(ReadEarly(message.Wire()).substr(2, 2), U16(0x8085));
  message.flags = 0x27F0;  // NOTIFY with every bit: none of them comes back
  EXPECT_EQ(ReadEarly(message.Wire()).substr(2, 2), U16(0xA004));
  message = Asking();
  message.additional = {Opt("", 0x00018000)};
  const std::string reply = ReadEarly(message.Wire());
  EXPECT_EQ(reply.substr(reply.size() - 4), U16(0x8000) + U16(0)) << "DO comes back with BADVERS";
}

TEST(QuestionTest, CutAnywhereItIsNoQuestion) {
  Message message = Asking();
  message.additional = {Opt(U16(3) + U16(2) + "ab", 0x8000)};
  const std::string whole = message.Wire();
  Read(whole);
  for (size_t octets = 0; octets < whole.size(); ++octets) {
    EXPECT_FALSE(std::holds_alternative<Question>(ReadQuestion(Octets(whole.substr(0, octets)))))
        << octets;
  }
}

}  // namespace
}  // namespace dnspin
