#include "resolver/reader_channel.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "io/packet_pair.h"
#include "pinning/answer.h"
#include "pinning/channel_packet.h"
#include "tests/unit/dns_bytes.h"

namespace dnspin {
namespace {

using bytes::Host;
using bytes::Octets;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Channel {
  Channel() {
    auto pair = PacketPair();
    far = std::move(pair->first);
    near.emplace(std::move(pair->second), counters);
  }
  std::optional<FromReader> Next() {
    if (heard.empty()) {
      auto packet = ReceivePacket(far.get(), kChannelPacketOctetsMax);
      if (!packet.ok() || !packet->has_value()) {
        return std::nullopt;
      }
      const auto messages = MessagesIn(Octets((*packet)->bytes));
      EXPECT_TRUE(messages.has_value());
      for (const auto octets : *messages) {
        auto message = DecodeFromReader(octets);
        EXPECT_TRUE(message.ok()) << message.status();
        heard.push_back(*message);
      }
    }
    const FromReader next = heard.front();
    heard.pop_front();
    return next;
  }
  bool Say(const std::string& message, std::span<const int> descriptors = {}) {
    return SendPacket(far.get(), PacketOf(message), descriptors).ok();
  }
  absl::Status Read() {
    return near->Read({[this](const PinReply& reply) { replies.push_back(reply); },
                       [this] { ++doubts; },
                       [this](const PolicyNotice& notice, const Descriptor& memory) {
                         notices.push_back(notice);
                         policies.push_back(ReadSealedMemory(memory.get(), 100).value_or(""));
                         return policy_status;
                       },
                       [this](const QueueNotice&, Descriptor queue) {
                         queues.push_back(std::move(queue));
                         return absl::OkStatus();
                       }});
  }

  BootTime now{seconds(1000)};
  CountersReport counters;
  Descriptor far;
  std::optional<ReaderChannel> near;
  std::deque<FromReader> heard;  // and not given out
  std::vector<PinReply> replies;
  int doubts = 0;
  std::vector<PolicyNotice> notices;
  std::vector<std::string> policies;
  absl::Status policy_status;
  std::vector<Descriptor> queues;
};

PinRequest SomeRequest(uint64_t ticket) {
  return {ticket, 1, 60, Host("www.example.com"), ".example.com", {*Address::Parse("192.0.2.1")}};
}

TEST(ReaderChannelTest, GrantsComeBeforeTheRequestsThatNeedThem) {
  Channel channel;
  const GrantRequest grant{1, 60, ".example.com", Host("www.example.com"), Host("t.test")};
  size_t sent = 0;
  for (; channel.near->Grant(grant); ++sent) {  // until the socket and the queue are full
    channel.near->Request(SomeRequest(sent));
  }
  EXPECT_GT(sent, 1000U);
  channel.near->Settle(channel.now);
  for (size_t i = 0; i < sent; ++i) {
    ASSERT_EQ(channel.Next(), FromReader(grant)) << i;
    channel.near->Settle(channel.now);
    ASSERT_EQ(channel.Next(), FromReader(SomeRequest(i)));
    channel.near->Settle(channel.now);
  }
}

TEST(ReaderChannelTest, AQueueComesWithItsDescriptorAndVerdictsGoBack) {
  Channel channel;
  const int pipe = channel.far.get();  // any descriptor will do
  ASSERT_TRUE(channel.Say(Encode(ToReader(QueueNotice{7})), {&pipe, 1}));
  EXPECT_TRUE(channel.Read().ok());
  ASSERT_EQ(channel.queues.size(), 1U);
  EXPECT_TRUE(channel.queues[0].valid());
  const HeldVerdict large{7, 1, HeldVerdict::Kind::kReplace, std::string(kPutBackOctetsMax, 'E')};
  const HeldVerdict small{7, 2, HeldVerdict::Kind::kAccept, ""};
  channel.near->Decide(large);
  channel.near->Decide(small);
  channel.near->Settle(channel.now);
  const auto first = ReceivePacket(channel.far.get(), kHeldPacketOctetsMax);
  ASSERT_TRUE(first.ok() && first->has_value() && !(*first)->truncated);
  EXPECT_EQ((*first)->bytes, PacketOf(Encode(FromReader(large)))) << "alone in its packet";
  EXPECT_EQ(channel.Next(), FromReader(small));
  ASSERT_TRUE(channel.Say(Encode(ToReader(QueueNotice{7}))));
  EXPECT_FALSE(channel.Read().ok()) << "a notice that brings nothing";
}

TEST(ReaderChannelTest, CarriesRequestsAndReplies) {
  Channel channel;
  channel.near->Request(SomeRequest(7));
  channel.near->Request(SomeRequest(8));
  EXPECT_EQ(channel.Next(), std::nullopt) << "before the turn ends";
  channel.near->Settle(channel.now);
  EXPECT_EQ(channel.Next(), FromReader(SomeRequest(7)));
  EXPECT_FALSE(channel.heard.empty()) << "in a packet of their own each";
  EXPECT_EQ(channel.Next(), FromReader(SomeRequest(8)));
  const PinReply reply{7, PinOutcome::kDone};
  ASSERT_TRUE(channel.Say(Encode(ToReader(reply))));
  EXPECT_TRUE(channel.Read().ok());
  EXPECT_EQ(channel.replies, std::vector<PinReply>{reply});
  EXPECT_EQ(channel.doubts, 0);
  ASSERT_TRUE(channel.Say(Encode(ToReader(PinsInDoubt{}))));
  EXPECT_TRUE(channel.Read().ok());
  EXPECT_EQ(channel.doubts, 1);
}

TEST(ReaderChannelTest, APolicyComesInSealedMemory) {
  Channel channel;
  const auto memory = SealedMemory("rules");
  const int fd = memory->get();
  ASSERT_TRUE(channel.Say(Encode(ToReader(PolicyNotice{3})), {&fd, 1}));
  EXPECT_TRUE(channel.Read().ok());
  EXPECT_EQ(channel.notices, std::vector<PolicyNotice>{PolicyNotice{3}});
  EXPECT_EQ(channel.policies, std::vector<std::string>{"rules"});
  channel.policy_status = absl::InvalidArgumentError("cannot be read");
  ASSERT_TRUE(channel.Say(Encode(ToReader(PolicyNotice{4})), {&fd, 1}));
  EXPECT_TRUE(absl::IsInvalidArgument(channel.Read()));
}

TEST(ReaderChannelTest, WhatIsNoMessageIsABreach) {
  const std::string whole = Encode(ToReader(PinReply{7, PinOutcome::kDone}));
  const std::string rows[] = {"x",
                              whole.substr(0, whole.size() - 1),
                              whole + "x",
                              std::string(2000, 'x'),
                              Encode(ToReader(PolicyNotice{1})),  // without its memory
                              Encode(FromReader(SomeRequest(1)))};
  for (const std::string& row : rows) {
    Channel channel;
    ASSERT_TRUE(channel.Say(row));
    EXPECT_TRUE(absl::IsInvalidArgument(channel.Read())) << Escaped(row, 20);
    EXPECT_TRUE(channel.replies.empty());
  }
}

TEST(ReaderChannelTest, TheEndOfItIsNoBreach) {
  Channel channel;
  channel.far.reset();
  EXPECT_TRUE(absl::IsOutOfRange(channel.Read()));
}

TEST(ReaderChannelTest, RequestsWaitForAPeerThatDoesNotReadAndKeepTheirOrder) {
  Channel channel;
  constexpr uint64_t kCount = kRequestsOpenMax;
  for (uint64_t ticket = 1; ticket <= kCount; ++ticket) {
    channel.near->Request(SomeRequest(ticket));
  }
  EXPECT_TRUE(channel.near->WantsWrite());
  for (uint64_t ticket = 1; ticket <= kCount; ++ticket) {
    auto message = channel.Next();
    if (!message) {
      channel.near->Settle(channel.now);
      message = channel.Next();
    }
    ASSERT_TRUE(message.has_value()) << ticket;
    EXPECT_EQ(std::get<PinRequest>(*message).ticket, ticket);
  }
  EXPECT_FALSE(channel.near->WantsWrite());
}

TEST(ReaderChannelTest, ReportsHaveABudgetAndWhatIsLeftOutIsCounted) {
  Channel channel;
  channel.near->Settle(channel.now);
  const auto flood = [&] {
    for (int i = 0; i < 1000; ++i) {
      channel.near->Report({dns::kEdeProhibited, Host("www.example.com")});
    }
    size_t reports = 0;
    do {
      channel.near->Settle(channel.now);
      while (const auto message = channel.Next()) {
        reports += std::holds_alternative<RefusalReport>(*message) ? 1 : 0;
      }
    } while (channel.near->WantsWrite());
    return reports;
  };
  EXPECT_EQ(flood(), 51U);
  channel.now += seconds(1);
  channel.near->Settle(channel.now);
  EXPECT_EQ(flood(), 20U);
  channel.now += seconds(3600);
  channel.near->Settle(channel.now);
  EXPECT_EQ(flood(), 51U);
  EXPECT_EQ(channel.counters.reports_left_out, 3000U - 51 - 20 - 51);
}

// A browser asks for its maker's hosts a hundred times while it looks for those of a page.
TEST(ReaderChannelTest, WhoAsksForOneNameOverAndOverDoesNotHideTheOthers) {
  Channel channel;
  channel.near->Settle(channel.now);
  for (int i = 0; i < 1000; ++i) {
    channel.near->Report({dns::kEdeProhibited, Host("update.example.com")});
  }
  std::set<std::string> told;
  for (int i = 0; i < 600; ++i) {
    channel.near->Report({dns::kEdeProhibited, Host("h" + std::to_string(i) + ".example.com")});
  }
  do {
    channel.near->Settle(channel.now);
    while (const auto message = channel.Next()) {
      if (const auto* report = std::get_if<RefusalReport>(&*message)) {
        told.insert(report->asked.Text());
      }
    }
  } while (channel.near->WantsWrite());
  EXPECT_EQ(told.size(), 500U) << "a page, and all that it tries to load";
  EXPECT_TRUE(told.contains("h498.example.com"));
  EXPECT_EQ(channel.counters.reports_left_out, 1600U - 50 - 500);
}

TEST(ReaderChannelTest, CountersAreToldOnceASecondWhileTheyChange) {
  Channel channel;
  EXPECT_EQ(channel.near->NextDeadline(), std::nullopt);
  channel.counters.questions = 1;
  channel.near->Settle(channel.now);
  EXPECT_EQ(channel.Next(), FromReader(channel.counters));
  EXPECT_EQ(channel.near->NextDeadline(), std::nullopt);
  channel.counters.questions = 2;
  EXPECT_EQ(channel.near->NextDeadline(), channel.now + seconds(1));
  channel.now += milliseconds(999);
  channel.near->Settle(channel.now);
  EXPECT_EQ(channel.Next(), std::nullopt);
  channel.now += milliseconds(1);
  channel.near->Settle(channel.now);
  EXPECT_EQ(channel.Next(), FromReader(channel.counters));
}

}  // namespace
}  // namespace dnspin
