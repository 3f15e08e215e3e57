#include "resolver/ready_answers.h"

#include <gtest/gtest.h>

#include "resolver/reply.h"
#include "resolver/wire.h"
#include "tests/unit/dns_bytes.h"

namespace dnspin {
namespace {

using bytes::Host;
using bytes::N;
using bytes::Octets;
using bytes::V4;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr BootTime kNow{seconds(1000)};

// As a client sends it.
std::string Packet(uint16_t id, std::string_view name) {
  return EncodeUpstreamQuestion(id, N(name), dns::kA, false, false);
}

std::string ReplyTo(std::string_view name, std::vector<uint32_t> ttls) {
  Question question;
  question.id = 7;
  question.edns = true;
  question.asked_wire = N(name);
  question.asked = Host(name);
  question.type = dns::kA;
  Reply reply;
  for (const uint32_t ttl : ttls) {
    const auto last = static_cast<uint8_t>(reply.answer.size());
    reply.answer.push_back({question.asked, dns::kA, dns::kIn, ttl, V4(192, 0, 2, last)});
  }
  return EncodeReply(question, reply, 1232);
}

struct Told {
  uint16_t id = 0;
  std::vector<uint32_t> ttls;
  size_t octets = 0;
};

std::optional<Told> Find(ReadyAnswers& ready, const std::string& packet, BootTime now) {
  const auto found = ready.Find(Octets(packet), now);
  if (!found) {
    return std::nullopt;
  }
  Told told{ReadReplyHeader(Octets(*found))->id, {}, found->size()};
  const auto answer = ReadAnswer(Octets(*found));
  for (const Record& record : answer->answer) {
    told.ttls.push_back(record.ttl);
  }
  return told;
}

TEST(ReadyAnswersTest, TheSameOctetsAreToldTheSameWithLowerTtls) {
  const struct {
    milliseconds later;
    std::vector<uint32_t> ttls;
  } rows[] = {
      {milliseconds(0), {300, 20}},    {milliseconds(1), {299, 19}},
      {milliseconds(1000), {299, 19}}, {milliseconds(1001), {298, 18}},
      {milliseconds(19500), {280, 0}}, {milliseconds(29999), {270, 0}},
  };
  ReadyAnswers ready;
  const std::string reply = ReplyTo("www.example.com", {300, 20});
  ready.Insert(Octets(Packet(7, "www.example.com")), reply, kNow, kNow + seconds(30));
  for (const auto& row : rows) {
    const auto told = Find(ready, Packet(0xBEEF, "www.example.com"), kNow + row.later);
    ASSERT_TRUE(told) << row.later.count();
    EXPECT_EQ(told->id, 0xBEEF);
    EXPECT_EQ(told->ttls, row.ttls) << row.later.count();
    EXPECT_EQ(told->octets, reply.size()) << "OPT is as it was";
  }
  EXPECT_FALSE(Find(ready, Packet(7, "www.example.com"), kNow + seconds(30))) << "it is over";
}

TEST(ReadyAnswersTest, OtherOctetsAreLookedAt) {
  ReadyAnswers ready;
  const std::string packet = Packet(7, "www.example.com");
  ready.Insert(Octets(packet), ReplyTo("www.example.com", {300}), kNow, kNow + seconds(30));
  for (size_t at = 2; at < packet.size(); ++at) {
    std::string other = packet;
    other[at] = static_cast<char>(other[at] ^ 0x20);
    EXPECT_FALSE(Find(ready, other, kNow)) << at;
  }
  for (size_t octets = 0; octets < packet.size(); ++octets) {
    EXPECT_FALSE(Find(ready, packet.substr(0, octets), kNow)) << octets;
  }
  EXPECT_FALSE(Find(ready, packet + '\0', kNow));
  EXPECT_TRUE(Find(ready, packet, kNow));
  ready.Clear();
  EXPECT_FALSE(Find(ready, packet, kNow));
}

TEST(ReadyAnswersTest, WhatHasNoTtlIsNotKept) {
  ReadyAnswers ready;
  const std::string packet = Packet(7, "www.example.com");
  ready.Insert(Octets(packet), ReplyTo("www.example.com", {}), kNow, kNow + seconds(30));
  EXPECT_FALSE(Find(ready, packet, kNow));
}

TEST(ReadyAnswersTest, WhatIsAskedAgainInTimeStays) {
  ReadyAnswers ready;
  const auto insert = [&](const std::string& name) {
    ready.Insert(Octets(Packet(7, name)), ReplyTo(name, {300}), kNow, kNow + seconds(30));
  };
  insert("often.test");
  insert("once.test");
  for (int i = 0; i < 10000; ++i) {
    insert("n" + std::to_string(i) + ".test");
    ASSERT_TRUE(Find(ready, Packet(1, "often.test"), kNow)) << i;
  }
  EXPECT_FALSE(Find(ready, Packet(1, "once.test"), kNow)) << "it is not bounded";
  EXPECT_TRUE(Find(ready, Packet(1, "n9999.test"), kNow));
}

}  // namespace
}  // namespace dnspin
