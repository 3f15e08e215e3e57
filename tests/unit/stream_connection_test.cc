#include "resolver/stream_connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

#include "tests/unit/dns_bytes.h"

namespace dnspin {
namespace {

using bytes::U16;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A connection and the client's end of it.
struct Pair {
  Pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    client = Descriptor(ends[0]);
    connection.emplace(Descriptor(ends[1]), ReturnPath{}, counters, now);
  }
  void Says(const std::string& octets) {
    ASSERT_EQ(send(client.get(), octets.data(), octets.size(), 0),
              static_cast<ssize_t>(octets.size()));
    connection->Read(now);
  }
  std::string Hears() {
    std::array<char, 65536> buffer;
    const ssize_t octets = recv(client.get(), buffer.data(), buffer.size(), 0);
    return {buffer.data(), static_cast<size_t>(std::max<ssize_t>(octets, 0))};
  }
  bool Ended() const { return connection->Ended(now); }

  BootTime now{seconds(1000)};
  CountersReport counters;
  Descriptor client;
  std::optional<StreamConnection> connection;
};

std::string Framed(const std::string& message) { return U16(message.size()) + message; }

TEST(StreamConnectionTest, MessagesSplitAnywhereComeOutWhole) {
  const std::string stream = Framed("first") + Framed("second one");
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    Pair pair;
    std::vector<std::string> messages;
    for (const std::string& part : {stream.substr(0, cut), stream.substr(cut)}) {
      if (!part.empty()) {
        pair.Says(part);
      }
      while (auto message = pair.connection->Next(pair.now)) {
        messages.push_back(*message);
      }
    }
    EXPECT_EQ(messages, (std::vector<std::string>{"first", "second one"})) << cut;
  }
}

TEST(StreamConnectionTest, AnAnswerIsOneWriteInAnyOrder) {
  Pair pair;
  pair.Says(Framed("a") + Framed("b"));
  EXPECT_EQ(pair.connection->Next(pair.now), "a");
  EXPECT_EQ(pair.connection->Next(pair.now), "b");
  pair.connection->Answer("to b", Ending::kAnswered, pair.now);
  pair.connection->Write(pair.now);
  EXPECT_EQ(pair.Hears(), Framed("to b"));
  pair.connection->Answer("to a", Ending::kAnswered, pair.now);
  pair.connection->Write(pair.now);
  EXPECT_EQ(pair.Hears(), Framed("to a"));
  EXPECT_FALSE(pair.connection->WantsWrite());
}

TEST(StreamConnectionTest, AHalfClosedOneStillGetsItsAnswers) {
  Pair pair;
  pair.Says(Framed("a"));
  shutdown(pair.client.get(), SHUT_WR);
  pair.connection->Read(pair.now);
  EXPECT_EQ(pair.connection->Next(pair.now), "a");
  EXPECT_FALSE(pair.connection->WantsRead());
  EXPECT_FALSE(pair.Ended());
  pair.connection->Answer("x", Ending::kAnswered, pair.now);
  EXPECT_FALSE(pair.Ended());
  pair.connection->Write(pair.now);
  EXPECT_EQ(pair.Hears(), Framed("x"));
  EXPECT_TRUE(pair.Ended());
}

TEST(StreamConnectionTest, ALengthOfZeroEndsIt) {
  Pair pair;
  pair.Says(U16(0) + Framed("a"));
  EXPECT_EQ(pair.connection->Next(pair.now), std::nullopt);
  EXPECT_TRUE(pair.Ended());
}

TEST(StreamConnectionTest, SilenceEndsItAfterTenSeconds) {
  Pair pair;
  EXPECT_EQ(pair.connection->Deadline(), pair.now + seconds(10));
  pair.now += milliseconds(9999);
  EXPECT_FALSE(pair.Ended());
  pair.now += milliseconds(1);
  EXPECT_TRUE(pair.Ended());
}

TEST(StreamConnectionTest, WhileAnAnswerIsOwedItIsNotIdle) {
  Pair pair;
  pair.Says(Framed("a"));
  EXPECT_EQ(pair.connection->Next(pair.now), "a");
  pair.now += seconds(100);
  EXPECT_FALSE(pair.Ended());
  pair.connection->Answer("x", Ending::kAnswered, pair.now);
  pair.connection->Write(pair.now);
  EXPECT_EQ(pair.connection->Deadline(), pair.now + seconds(10));
}

TEST(StreamConnectionTest, AMessageThatDribblesIsCutAfterFiveSeconds) {
  Pair pair;
  pair.now += seconds(9);
  for (int octet = 0; octet < 5; ++octet) {  // one each second keeps nothing alive
    pair.Says("\1");
    EXPECT_FALSE(pair.Ended());
    pair.now += seconds(1);
  }
  EXPECT_TRUE(pair.Ended());
}

TEST(StreamConnectionTest, NoMoreThan64AreTakenAtOnce) {
  Pair pair;
  std::string many;
  for (int i = 0; i < 100; ++i) {
    many += Framed("q");
  }
  pair.Says(many);
  size_t taken = 0;
  while (pair.connection->Next(pair.now)) {
    ++taken;
  }
  EXPECT_EQ(taken, 64U);
  EXPECT_FALSE(pair.connection->WantsRead());
  pair.connection->Answer("x", Ending::kAnswered, pair.now);
  EXPECT_TRUE(pair.connection->Next(pair.now).has_value());
  EXPECT_FALSE(pair.connection->Next(pair.now).has_value());
}

TEST(StreamConnectionTest, AfterAThousandQuestionsItEnds) {
  Pair pair;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_FALSE(pair.Ended()) << i;
    pair.Says(Framed("q"));
    ASSERT_TRUE(pair.connection->Next(pair.now).has_value()) << i;
    pair.connection->Answer("x", Ending::kAnswered, pair.now);
    pair.connection->Write(pair.now);
    pair.Hears();
  }
  EXPECT_FALSE(pair.connection->WantsRead());
  EXPECT_TRUE(pair.Ended());
}

TEST(StreamConnectionTest, WhoAsksAndDoesNotReadIsCut) {
  Pair pair;
  const int small = 4096;
  setsockopt(pair.connection->fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
  const std::string answer(4000, 'x');
  size_t answered = 0;
  while (!pair.Ended() && answered < 1000) {
    pair.Says(Framed("q"));
    ASSERT_TRUE(pair.connection->Next(pair.now).has_value());
    pair.connection->Answer(answer, Ending::kAnswered, pair.now);
    pair.connection->Write(pair.now);
    ++answered;
  }
  EXPECT_LT(answered * answer.size(), 2 * StreamConnection::kUnsentOctetsMax);
  pair.connection->DropUnsent();
  EXPECT_EQ(pair.counters.received, answered);
  EXPECT_EQ(pair.counters.answered + pair.counters.dropped, answered);
  EXPECT_GT(pair.counters.answered, 0U);
  EXPECT_GT(pair.counters.dropped, StreamConnection::kUnsentOctetsMax / answer.size());

  Pair stuck;
  setsockopt(stuck.connection->fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
  stuck.Says(Framed("q"));
  ASSERT_TRUE(stuck.connection->Next(stuck.now).has_value());
  stuck.connection->Answer(std::string(60000, 'x'), Ending::kAnswered, stuck.now);
  stuck.connection->Write(stuck.now);
  ASSERT_TRUE(stuck.connection->WantsWrite());
  stuck.now += milliseconds(4999);
  EXPECT_FALSE(stuck.Ended());
  stuck.now += milliseconds(1);
  EXPECT_TRUE(stuck.Ended());
  stuck.connection->DropUnsent();
  EXPECT_EQ(stuck.counters.answered, 0U);
  EXPECT_EQ(stuck.counters.dropped, 1U);
}

TEST(StreamConnectionTest, AHangUpEndsIt) {
  Pair pair;
  pair.client.reset();
  pair.connection->Read(pair.now);
  EXPECT_TRUE(pair.Ended());
}

}  // namespace
}  // namespace dnspin
