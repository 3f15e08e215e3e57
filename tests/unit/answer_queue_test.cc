// One queue for all clients of a reader: whose is what waits there, and what becomes of nobody's.
#include "resolver/answer_queue.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/told_packet.h"

namespace dnspin {
namespace {

using namespace bytes;  // NOLINT: the vocabulary of these tables

struct Client final : AnswerQueue::Taker {
  bool TakeHeld(const AnswerQueue& /*from*/, const HeldPacket& packet,
                const QueuedPacket& /*read*/) override {
    taken.push_back(packet.number);
    return stays;
  }
  void DropHeld(const AnswerQueue& /*from*/, uint32_t packet) override {
    dropped.push_back(packet);
  }
  void OnOverrun() override {}

  bool stays = true;
  std::vector<uint32_t> taken;
  std::vector<uint32_t> dropped;
};

using Numbers = std::vector<uint32_t>;

class AnswerQueueTest : public testing::Test {
 protected:
  AnswerQueueTest() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
    kernel = Descriptor(ends[0]);
    socket = Descriptor(ends[1]);
    reactor = std::move(*Reactor::Create());
    queues = std::make_unique<AnswerQueues>(*reactor);
    queue = *queues->Of(40'000, Duplicate(socket));
    queue->Place(one, std::vector{Address4("192.0.2.1"), *Address::Parse("2001:db8::1")});
    queue->Place(two, std::vector{Address4("192.0.2.2")});
  }
  static Address Address4(const char* text) { return *Address::Parse(text); }
  static Descriptor Duplicate(const Descriptor& fd) { return Descriptor(::dup(fd.get())); }
  void Comes(uint32_t number, const std::string& packet) {
    const std::string datagram = Told(number, packet);
    ASSERT_EQ(::send(kernel.get(), datagram.data(), datagram.size(), 0),
              static_cast<ssize_t>(datagram.size()));
  }
  static std::string To(const std::string& destination) {
    return Ipv4{.udp = {"DNS"}, .destination = destination}.Wire();
  }
  void Turn() {
    const BootTime now{};
    ASSERT_TRUE(reactor->Turn(now, now).ok());
  }

  Descriptor kernel;
  Descriptor socket;
  std::unique_ptr<Reactor> reactor;
  std::unique_ptr<AnswerQueues> queues;
  std::shared_ptr<AnswerQueue> queue;
  Client one;
  Client two;
};

TEST_F(AnswerQueueTest, EachIsHandedWhatIsToIt) {
  Comes(1, To(V4(192, 0, 2, 2)));
  Comes(2, To(V4(192, 0, 2, 1)));
  Comes(3, To(V4(192, 0, 2, 2)));
  Turn();
  EXPECT_EQ(one.taken, Numbers{2});
  EXPECT_EQ(two.taken, (Numbers{1, 3}));
  EXPECT_TRUE(one.dropped.empty() && two.dropped.empty());
}

TEST_F(AnswerQueueTest, NobodysGoesNowhere) {
  Comes(1, To(V4(192, 0, 2, 3)));
  Comes(2, "no packet");
  Turn();
  EXPECT_EQ(two.dropped, (Numbers{1, 2}));
}

TEST_F(AnswerQueueTest, WhoIsLeavingDecidesOnNothing) {
  one.stays = false;
  Comes(1, To(V4(192, 0, 2, 1)));
  Turn();
  EXPECT_EQ(two.dropped, Numbers{1});
  queue->Leave(one);
  Comes(2, To(V4(192, 0, 2, 1)));
  Turn();
  EXPECT_EQ(one.taken, Numbers{1});
  EXPECT_EQ(two.dropped, (Numbers{1, 2}));
}

TEST_F(AnswerQueueTest, AnAddressThatMovesIsTheNewOnes) {
  queue->Place(two, std::vector{Address4("192.0.2.2"), Address4("192.0.2.1")});
  queue->Leave(one);  // which had it
  Comes(1, To(V4(192, 0, 2, 1)));
  Turn();
  EXPECT_EQ(two.taken, Numbers{1});
}

TEST_F(AnswerQueueTest, OneSocketIsOneQueueForAllWhoWereHandedIt) {
  EXPECT_EQ(*queues->Of(40'000, Duplicate(socket)), queue);
  int ends[2] = {-1, -1};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
  const Descriptor far(ends[0]);
  EXPECT_NE(*queues->Of(40'000, Descriptor(ends[1])), queue);
}

TEST_F(AnswerQueueTest, TheLastWhoLeavesMayEndIt) {
  Comes(1, To(V4(192, 0, 2, 1)));
  queue->Leave(one);
  queue->Leave(two);
  queue.reset();
  Turn();  // nobody reads it any more
}

}  // namespace
}  // namespace dnspin
