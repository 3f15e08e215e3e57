#include "io/reactor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/time.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "io/packet_pair.h"

namespace dnspin {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr BootTime kNow{hours(100)};

// One end is watched; the other makes it ready.
struct Line {
  Line() {
    auto pair = PacketPair();
    if (pair.ok()) {
      near = std::move(pair->first);
      far = std::move(pair->second);
    }
  }
  void Ring() const { EXPECT_TRUE(SendPacket(far.get(), "x").ok()); }
  void Answer() const { EXPECT_TRUE(ReceivePacket(near.get(), 16).ok()); }
  Descriptor near, far;
};

class ReactorTest : public testing::Test {
 protected:
  void SetUp() override {
    auto reactor = Reactor::Create();
    ASSERT_TRUE(reactor.ok());
    reactor_ = *std::move(reactor);
  }
  // What is ready now, without waiting.
  void Turn() { ASSERT_TRUE(reactor_->Turn(kNow, kNow).ok()); }
  Watch Add(const Line& line, std::function<void(Ready)> callback) {
    auto watch = reactor_->Add(line.near.get(), std::move(callback));
    EXPECT_TRUE(watch.ok());
    return *std::move(watch);
  }
  static milliseconds Since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
  }

  std::unique_ptr<Reactor> reactor_;
};

TEST_F(ReactorTest, CallsWhatIsReadyUntilItIsRead) {
  const Line line;
  int calls = 0;
  const Watch watch = Add(line, [&](Ready ready) {
    EXPECT_TRUE(ready.readable);
    EXPECT_FALSE(ready.writable);
    ++calls;
  });
  Turn();
  EXPECT_EQ(calls, 0);
  line.Ring();
  Turn();
  Turn();
  EXPECT_EQ(calls, 2);  // level-triggered: it was not read
  line.Answer();
  Turn();
  EXPECT_EQ(calls, 2);
}

TEST_F(ReactorTest, WritingIsReportedWhereItIsWanted) {
  const Line line;
  std::vector<Ready> seen;
  Watch watch = Add(line, [&](Ready ready) { seen.push_back(ready); });
  watch.WantWrite(true);
  Turn();
  watch.WantWrite(false);
  Turn();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_TRUE(seen[0].writable);
  EXPECT_FALSE(seen[0].readable);
}

TEST_F(ReactorTest, ReadingCanPause) {
  const Line line;
  std::vector<Ready> seen;
  Watch watch = Add(line, [&](Ready ready) { seen.push_back(ready); });
  line.Ring();
  watch.WantRead(false);
  Turn();
  EXPECT_TRUE(seen.empty());
  watch.WantWrite(true);
  Turn();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_TRUE(seen[0].writable);
  EXPECT_FALSE(seen[0].readable);
  watch.WantWrite(false);
  watch.WantRead(true);
  Turn();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_TRUE(seen[1].readable);
  EXPECT_FALSE(seen[1].writable);
}

TEST_F(ReactorTest, AHangUpIsToldWhileReadingPauses) {
  Line line;
  int calls = 0;
  Watch watch = Add(line, [&](Ready ready) { calls += ready.readable ? 1 : 0; });
  watch.WantRead(false);
  line.far.reset();
  Turn();
  EXPECT_EQ(calls, 1);
}

TEST_F(ReactorTest, AHangUpIsReadable) {
  Line line;
  int calls = 0;
  Watch watch = Add(line, [&](Ready ready) { calls += ready.readable ? 1 : 0; });
  line.far.reset();
  Turn();
  EXPECT_EQ(calls, 1);
  watch.WantWrite(true);  // and both at once
  Turn();
  EXPECT_EQ(calls, 2);
}

TEST_F(ReactorTest, AWatchEndsWithItsHandle) {
  const Line line;
  int calls = 0;
  line.Ring();
  {
    const Watch watch = Add(line, [&](Ready) { ++calls; });
    Turn();
  }
  Turn();
  EXPECT_EQ(calls, 1);
  const Watch again = Add(line, [&](Ready) { calls += 10; });  // the descriptor is free again
  Turn();
  EXPECT_EQ(calls, 11);
}

TEST_F(ReactorTest, AHandleMoves) {
  const Line one, other;
  one.Ring();
  other.Ring();
  std::string calls;
  Watch watch = Add(one, [&](Ready) { calls += '1'; });
  Watch moved = std::move(watch);
  Turn();
  EXPECT_EQ(calls, "1");
  moved = Add(other, [&](Ready) { calls += '2'; });  // the first ends
  Turn();
  EXPECT_EQ(calls, "12");
  moved = Watch();
  Turn();
  EXPECT_EQ(calls, "12");
  moved.WantWrite(true);  // of nothing: nothing
  moved.WantRead(false);
}

TEST_F(ReactorTest, ACallbackMayEndItself) {
  const Line line;
  line.Ring();
  Watch watch;
  int calls = 0;
  std::string kept(100, 'x');  // captured: it must live until the callback is over
  watch = Add(line, [&, kept](Ready) {
    watch = Watch();
    EXPECT_EQ(kept, std::string(100, 'x'));
    ++calls;
  });
  Turn();
  Turn();
  EXPECT_EQ(calls, 1);
}

TEST_F(ReactorTest, ACallbackMayEndAnotherThatIsReadyToo) {
  const Line one, other;
  one.Ring();
  other.Ring();
  std::string calls;
  Watch first, second;
  first = Add(one, [&](Ready) {
    calls += '1';
    second = Watch();
  });
  second = Add(other, [&](Ready) {
    calls += '2';
    first = Watch();
  });
  Turn();
  Turn();
  EXPECT_TRUE(calls == "11" || calls == "22") << calls;  // whichever came first stays
}

TEST_F(ReactorTest, ACallbackMayReplaceAnotherOnTheSameDescriptor) {
  const Line one, other;
  one.Ring();
  other.Ring();
  std::string calls;
  Watch second;
  const Watch first = Add(one, [&](Ready) {
    one.Answer();
    second = Watch();
    second = Add(other, [&](Ready) { calls += "new"; });
  });
  second = Add(other, [&](Ready) {
    other.Answer();
    calls += "old";
  });
  Turn();
  EXPECT_TRUE(calls.empty() || calls == "old");
  other.Ring();
  calls.clear();
  Turn();
  EXPECT_EQ(calls, "new");
}

TEST_F(ReactorTest, ACallbackMayAddMany) {
  const Line line;
  line.Ring();
  std::vector<Line> lines(200);
  std::vector<Watch> watches;
  size_t calls = 0;
  const Watch watch = Add(line, [&](Ready) {
    line.Answer();
    for (const Line& each : lines) {
      each.Ring();
      watches.push_back(Add(each, [&calls, &each](Ready) {
        each.Answer();
        ++calls;
      }));
    }
  });
  for (int turns = 0; turns < 10; ++turns) {
    Turn();
  }
  EXPECT_EQ(calls, lines.size());  // more than one turn takes, and none is forgotten
}

TEST_F(ReactorTest, ACallbackThatGoesMayOwnWatches) {
  const Line one, other;
  one.Ring();
  other.Ring();
  int calls = 0;
  auto owned = std::make_shared<Watch>(Add(other, [&](Ready) { ++calls; }));
  Watch owner = Add(one, [owned](Ready) {});
  owned.reset();
  owner = Watch();
  Turn();
  Turn();
  EXPECT_LE(calls, 1);
  const Watch again = Add(other, [](Ready) {});  // it has ended: its descriptor is free
}

TEST_F(ReactorTest, WaitsUntilTheDeadlineAndNoLonger) {
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(reactor_->Turn(kNow, kNow + milliseconds(30)).ok());
  EXPECT_GE(Since(start), milliseconds(29));
  EXPECT_LT(Since(start), milliseconds(5000));
  // Half a millisecond is rounded up: the deadline has passed when it returns.
  const auto again = std::chrono::steady_clock::now();
  ASSERT_TRUE(reactor_->Turn(kNow, kNow + std::chrono::microseconds(500)).ok());
  EXPECT_GE(std::chrono::steady_clock::now() - again, std::chrono::microseconds(500));
}

TEST_F(ReactorTest, ADeadlineInThePastOrFarAwayIsNoTrouble) {
  const Line line;
  line.Ring();
  int calls = 0;
  const Watch watch = Add(line, [&](Ready) { ++calls; });
  for (const auto deadline : {kNow - hours(99), kNow + hours(24 * 365 * 100), BootTime::max()}) {
    ASSERT_TRUE(reactor_->Turn(kNow, deadline).ok());
  }
  ASSERT_TRUE(reactor_->Turn(kNow, std::nullopt).ok());
  EXPECT_EQ(calls, 4);
}

TEST_F(ReactorTest, ATurnNamesTheGroupsThatItCalledOnceEach) {
  const Line one, another, other, alone;
  WatchGroup first(*reactor_, 7), second(*reactor_, 9);
  const auto read = [](const Line& line) { return [&line](Ready) { line.Answer(); }; };
  const auto a = first.Add(one.near.get(), read(one));
  const auto b = first.Add(another.near.get(), read(another));
  const auto c = second.Add(other.near.get(), read(other));
  const Watch d = Add(alone, read(alone));
  ASSERT_TRUE(a.ok() && b.ok() && c.ok());
  const auto called = [&](const std::vector<const Line*>& lines) {
    for (const Line* const line : lines) {
      line->Ring();
    }
    Turn();
    auto groups = reactor_->groups_called();
    std::sort(groups.begin(), groups.end());
    return groups;
  };
  using Groups = std::vector<uint32_t>;
  EXPECT_EQ(called({&one, &another}), Groups{7});
  EXPECT_EQ(called({&other, &alone}), Groups{9});
  EXPECT_EQ(called({&one, &other}), (Groups{7, 9}));
  EXPECT_EQ(called({&alone}), Groups{});
  EXPECT_EQ(called({}), Groups{});
}

TEST_F(ReactorTest, ASignalEndsTheWait) {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  struct sigaction before {};
  ASSERT_EQ(sigaction(SIGALRM, &action, &before), 0);
  const itimerval soon{{0, 0}, {0, 20000}};
  ASSERT_EQ(setitimer(ITIMER_REAL, &soon, nullptr), 0);
  EXPECT_TRUE(reactor_->Turn(kNow, kNow + hours(1)).ok());
  sigaction(SIGALRM, &before, nullptr);
}

TEST_F(ReactorTest, WhatCannotBeWatchedIsAnError) {
  const Line line;
  const Watch watch = Add(line, [](Ready) {});
  EXPECT_FALSE(reactor_->Add(line.near.get(), [](Ready) {}).ok());  // twice
  EXPECT_FALSE(reactor_->Add(-1, [](Ready) {}).ok());
  const Descriptor null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(reactor_->Add(null.get(), [](Ready) {}).ok());
}

}  // namespace
}  // namespace dnspin
