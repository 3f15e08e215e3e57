// What waits in a queue, and what becomes of it: the queue here is a socket pair, and what it says
// is written as the kernel writes it.
#include "resolver/held_answers.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>

#include "resolver/answer_queue.h"
#include "resolver/octets.h"
#include "tests/unit/told_packet.h"

namespace dnspin {
namespace {

using namespace bytes;  // NOLINT: the vocabulary of these tables

std::string Packet(const std::string& message) { return Ipv4{.udp = {message}}.Wire(); }

struct Taken {
  Question question;
  ReturnPath path;
  HeldAnswer answer;
  bool truncated = false;
};

// A client, and the end of the queue that is the kernel's.
class HeldAnswersTest : public testing::Test, public AnswerQueue::Taker {
 protected:
  static constexpr uint16_t kQueue = 40'000;

  HeldAnswersTest() { Open(kQueue); }
  ~HeldAnswersTest() override { queue->Leave(*this); }
  void Open(uint16_t number) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
    kernel = Descriptor(ends[0]);
    queue = std::make_shared<AnswerQueue>(number, Descriptor(ends[1]));
    held.emplace(number, last, counters,
                 [this](const HeldVerdict& verdict) { verdicts.push_back(verdict); });
    Place({*Address::Parse("192.0.2.7"), *Address::Parse("2001:db8::7")},
          {*Address::Parse("192.0.2.53"), *Address::Parse("2001:db8::53")});
  }
  void Place(const std::vector<Address>& own, const std::vector<Address>& servers) {
    queue->Place(*this, own);
    held->SetPlace(own, servers);
  }
  bool TakeHeld(const AnswerQueue& from, const HeldPacket& packet,
                const QueuedPacket& read) override {
    EXPECT_EQ(&from, queue.get());
    held->Take(
        packet, read,
        [this](Question question, const ReturnPath& path, HeldAnswer answer, bool truncated) {
          taken.push_back({std::move(question), path, std::move(answer), truncated});
        });
    return !gone;
  }
  void DropHeld(const AnswerQueue& /*from*/, uint32_t packet) override { held->Drop(packet); }
  void OnOverrun() override { ++overruns; }
  void Comes(uint32_t number, const std::string& packet) {
    const std::string datagram = Told(number, packet);
    ASSERT_EQ(::send(kernel.get(), datagram.data(), datagram.size(), 0),
              static_cast<ssize_t>(datagram.size()));
  }
  void Read() { queue->Read(); }
  HeldVerdict::Kind VerdictOn(const std::string& packet) {
    Comes(1, packet);
    Read();
    EXPECT_TRUE(taken.empty());
    EXPECT_EQ(verdicts.size(), 1U);
    return verdicts.empty() ? HeldVerdict::Kind::kReplace : verdicts[0].kind;
  }

  uint64_t last = 0;
  CountersReport counters;
  Descriptor kernel;
  std::shared_ptr<AnswerQueue> queue;
  int overruns = 0;
  bool gone = false;
  std::optional<HeldAnswers> held;
  std::vector<HeldVerdict> verdicts;
  std::vector<Taken> taken;
};

const std::string kAnswer =
    Message{.answer = {ARecord(kToQuestion, 1, V4(198, 51, 100, 7))}}.Wire();

TEST_F(HeldAnswersTest, AnAnswerIsTakenAndReleased) {
  Comes(7, Packet(kAnswer));
  Read();
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_TRUE(verdicts.empty());
  EXPECT_FALSE(taken[0].truncated);
  EXPECT_FALSE(taken[0].answer.beside);
  EXPECT_EQ(std::get<Answer>(taken[0].answer.result).answer.size(), 1U);
  EXPECT_EQ(taken[0].path.destination, Address::Parse("192.0.2.53"));
  EXPECT_EQ(taken[0].question.asked_wire.size(), taken[0].question.asked.Wire().size());
  held->Release(*taken[0].path.held);
  held->Release(*taken[0].path.held);
  EXPECT_EQ(verdicts, (std::vector<HeldVerdict>{{kQueue, 7, HeldVerdict::Kind::kAccept, ""}}));
}

TEST_F(HeldAnswersTest, AnotherMessageGoesInTheSameHeaders) {
  Comes(7, Packet(kAnswer));
  Read();
  ASSERT_EQ(taken.size(), 1U);
  held->Replace(*taken[0].path.held, kMessage);
  EXPECT_EQ(verdicts,
            (std::vector<HeldVerdict>{{kQueue, 7, HeldVerdict::Kind::kReplace, Packet(kMessage)}}));
}

TEST_F(HeldAnswersTest, NumbersGoOnInTheNextQueue) {
  Comes(1, Packet(kAnswer));
  Read();
  queue->Leave(*this);
  Open(kQueue + 1);
  Comes(1, Packet(kAnswer));
  Read();
  ASSERT_EQ(taken.size(), 2U);
  held->Release(*taken[0].path.held);  // of the queue that is gone
  EXPECT_TRUE(verdicts.empty());
  held->Release(*taken[1].path.held);
  EXPECT_EQ(verdicts.size(), 1U);
}

TEST_F(HeldAnswersTest, WhatIsNoAnswerToThisClientGoesNowhere) {
  const struct {
    const char* story;
    std::string packet;
  } rows[] = {
      {"nothing", ""},
      {"version 5", O(0x55) + Packet(kAnswer).substr(1)},
      {"a header of 16 octets", Ipv4{.udp = {kAnswer}, .words = 4}.Wire()},
      {"a header that is not sound", Ipv4{.udp = {kAnswer}, .checksum = 1}.Wire()},
      {"an octet short", Packet(kAnswer).substr(0, Packet(kAnswer).size() - 1)},
      {"an octet more", Packet(kAnswer) + "x"},
      {"a fragment", Ipv4{.udp = {kAnswer}, .fragment = 0x2000}.Wire()},
      {"TCP", Ipv4{.udp = {kAnswer}, .protocol = 6}.Wire()},
      {"UDP of another length", Ipv4{.udp = {kAnswer, 12}}.Wire()},
      {"UDP that is not sound", Ipv4{.udp = {kAnswer, {}, 1}}.Wire()},
      {"IPv6 without a checksum", Ipv6{.udp = {kAnswer, {}, 0}}.Wire()},
      {"a fragment of IPv6", Ipv6{{kAnswer}, 44, Fragment(kUdp, 1)}.Wire()},
      {"a source route", Ipv6{{kAnswer}, 43, Routing(kUdp, 1)}.Wire()},
      {"no DNS", Packet("x")},
      {"a question", Packet(Message{.flags = 0x0100}.Wire())},
      {"a notice", Packet(Message{.flags = 0xA400}.Wire())},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    verdicts.clear();
    EXPECT_EQ(VerdictOn(row.packet), HeldVerdict::Kind::kDrop);
  }
  EXPECT_EQ(counters.dropped, std::size(rows));
}

TEST_F(HeldAnswersTest, OnlyItsServersAndItselfCount) {
  Place({*Address::Parse("192.0.2.7")}, {*Address::Parse("192.0.2.54")});
  EXPECT_EQ(VerdictOn(Packet(kAnswer)), HeldVerdict::Kind::kDrop);
  verdicts.clear();
  Place({*Address::Parse("192.0.2.8")}, {*Address::Parse("192.0.2.53")});
  EXPECT_EQ(VerdictOn(Packet(kAnswer)), HeldVerdict::Kind::kDrop);
}

TEST_F(HeldAnswersTest, AnErrorThatTellsNothingGoesOn) {
  EXPECT_EQ(VerdictOn(Packet(Message{.flags = 0x8181}.Wire())), HeldVerdict::Kind::kAccept);
  EXPECT_EQ(counters.failed, 1U);
}

TEST_F(HeldAnswersTest, WhatCannotBeReadIsAFailureOfThatServer) {
  Comes(1, Packet(kAnswer + "x"));
  Read();
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].answer.result, UpstreamResult(UpstreamFailure::kInvalid));
}

TEST_F(HeldAnswersTest, MoreThanTheAnswerSaysIsSeen) {
  for (const uint16_t flags : {uint16_t{0x83A0}, uint16_t{0x8380}}) {  // with AD and TC; TC alone
    Comes(1, Packet(Message{.flags = flags}.Wire()));
  }
  Read();
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_TRUE(taken[0].answer.beside);
  EXPECT_FALSE(taken[1].answer.beside);
  EXPECT_TRUE(taken[0].truncated && taken[1].truncated);
}

TEST_F(HeldAnswersTest, ALongerDatagramThanThereIsRoomForGoesNowhere) {
  EXPECT_EQ(VerdictOn(std::string(AnswerQueue::kDatagramOctets, 'E')), HeldVerdict::Kind::kDrop);
}

}  // namespace
}  // namespace dnspin
