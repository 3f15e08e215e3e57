// Stories of several upstream servers: which is asked, who takes over, and how soon one that is
// back is noticed (hardening.md R-b16). The servers answer by themselves, each after its time.

#include "tests/scenario/resolver_stage.h"

namespace dnspin {
namespace {

using namespace stage;  // NOLINT: the vocabulary of the stories

const Message kAnswer = {.answer = {ARecord(kToQuestion, dns::kA, V4(203, 0, 113, 1))}};

class World {
 public:
  struct Server {
    bool dead = false;
    milliseconds round_trip{5};
  };

  // Servers 192.0.2.1, 192.0.2.2, ... of these round trips.
  void Servers(const std::vector<int>& round_trips) {
    stage.policy.upstreams.clear();
    for (const int round_trip : round_trips) {
      servers.push_back({false, milliseconds(round_trip)});
      stage.policy.upstreams.push_back(
          {*Endpoint::Parse("192.0.2." + std::to_string(servers.size())), "eth0"});
    }
    stage.forwarder.SetPolicy(stage.policy, stage.now);
  }
  void AllAre(bool dead) {
    for (Server& server : servers) {
      server.dead = dead;
    }
  }

  void Pass(milliseconds time) {
    constexpr milliseconds kStep{5};
    for (milliseconds passed{0}; passed < time; passed += kStep) {
      stage.Pass(kStep);
      for (size_t i = settled; i < stage.network.sent.size(); ++i) {
        const Sent sent = stage.network.sent[i];
        const Server& server = servers[NumberOf(sent) - 1];
        const auto due = sent.at + server.round_trip;
        if (!server.dead && due <= stage.now && stage.now < due + kStep) {
          stage.Arrives(sent, Stage::ReplyTo(sent, kAnswer));
        }
        settled += i == settled && stage.now - sent.at > seconds(1) ? 1U : 0U;
      }
    }
  }

  // A name of its own: no cache helps.
  uint16_t Ask() { return stage.Ask("n" + std::to_string(++names) + ".test"); }
  // Whether a question is answered, and how long that took.
  std::optional<milliseconds> Answered(uint16_t id, BootTime asked) const {
    const Heard heard = stage.HeardOf(id);
    return heard.Addresses().empty()
               ? std::nullopt
               : std::optional(std::chrono::ceil<milliseconds>(heard.at - asked));
  }
  static size_t NumberOf(const Sent& sent) { return sent.server.endpoint.address.bytes()[3]; }
  // Questions that each server got since `from` sends.
  std::map<size_t, size_t> Counts(size_t from = 0) const {
    std::map<size_t, size_t> counts;
    for (size_t i = from; i < stage.network.sent.size(); ++i) {
      ++counts[NumberOf(stage.network.sent[i])];
    }
    return counts;
  }

  std::vector<Server> servers;
  size_t settled = 0;  // so many that were sent are answered, or never will be
  int names = 0;
  Stage stage{{"accept specialtarget=dns"}};
};

class ServerStory : public ::testing::Test, public World {};

TEST_F(ServerStory, TheFastOneIsPreferredAndTheSlowOneIsMeasuredNowAndThen) {
  Servers({200, 10, 100});
  for (int i = 0; i < 600; ++i) {  // a minute
    const BootTime asked = stage.now;
    const auto id = Ask();
    Pass(milliseconds(100));
    if (i > 10) {
      EXPECT_EQ(Answered(id, asked), milliseconds(10)) << i;
    }
  }
  const auto counts = Counts();
  EXPECT_GE(counts.at(2), 450U);
  EXPECT_GE(counts.at(3), 4U) << "never measured";
  EXPECT_LE(counts.at(3), 8U) << "measured too often";
  EXPECT_LE(counts.at(1), 20U);
  // The slow one has become the fastest: that is noticed.
  servers[2].round_trip = milliseconds(5);
  for (int i = 0; i < 120; ++i) {
    Ask();
    Pass(milliseconds(100));
  }
  const size_t before = stage.network.sent.size();
  Ask();
  Pass(milliseconds(100));
  EXPECT_EQ(Counts(before).at(3), 1U);
  Pass(milliseconds(3000));
  stage.NothingIsLeft();
}

TEST_F(ServerStory, FailoverLosesNoQuestion) {
  Servers({5, 20});
  Ask();
  Pass(milliseconds(900));
  Ask();  // both are known now
  Pass(milliseconds(100));
  const size_t known = stage.network.sent.size();
  std::vector<uint16_t> asked;
  const auto ask_for = [&](int count) {
    for (int i = 0; i < count; ++i) {
      asked.push_back(Ask());
      Pass(milliseconds(20));
    }
  };
  ask_for(50);
  EXPECT_EQ(Counts(known).size(), 1U) << "the second is not needed";
  servers[0].dead = true;
  ask_for(100);
  const size_t failed_over = stage.network.sent.size();
  ask_for(100);
  EXPECT_LE(Counts(failed_over)[1], 3U) << "the dead one is asked but once a second";
  servers[0].dead = false;
  ask_for(100);
  const size_t back = stage.network.sent.size();
  ask_for(10);
  EXPECT_EQ(Counts(back), (std::map<size_t, size_t>{{1, 10}})) << "it is back, and faster";
  Pass(milliseconds(3000));
  for (const uint16_t id : asked) {
    EXPECT_EQ(stage.HeardOf(id).Addresses().size(), 1U);
  }
  stage.NothingIsLeft();
}

TEST_F(ServerStory, OneThatFailsIsAskedLastHoweverSlowTheOthersAre) {
  Servers({5, 350});
  Ask();
  Pass(milliseconds(100));
  servers[0].dead = true;
  Ask();
  Pass(milliseconds(1000));
  const size_t before = stage.network.sent.size();
  for (int i = 0; i < 5; ++i) {
    const BootTime asked = stage.now;
    const auto id = Ask();
    Pass(milliseconds(400));
    EXPECT_EQ(Answered(id, asked), milliseconds(350));
  }
  EXPECT_EQ(Counts(before)[2], 5U);
  Pass(milliseconds(3000));
  stage.NothingIsLeft();
}

// From the return of the last of `count` dead servers until somebody is answered who asks ten times
// a second, for one name or for new ones.
milliseconds UntilNoticed(int count, bool one_name, milliseconds dead_for) {
  World world;
  world.Servers(std::vector<int>(static_cast<size_t>(count), 5));
  world.AllAre(true);
  uint16_t last = 0;
  const auto ask_until = [&](BootTime until) {
    while (world.stage.now < until &&
           (!world.stage.HasHeard(last) || world.stage.HeardOf(last).Addresses().empty())) {
      last = one_name ? world.stage.Ask("one.test") : world.Ask();
      world.Pass(milliseconds(100));
    }
  };
  ask_until(world.stage.now + dead_for);
  world.servers.back().dead = false;
  const BootTime back = world.stage.now;
  ask_until(back + milliseconds(10'000));
  const auto waited = std::chrono::ceil<milliseconds>(world.stage.now - back);
  world.Pass(milliseconds(3000));
  world.stage.NothingIsLeft();
  return waited;
}

TEST(ServersStory, ThatTheyAreBackIsNoticedWithinTwoSeconds) {
  for (const int count : {1, 2, 3, 8}) {
    for (const bool one_name : {true, false}) {
      for (milliseconds dead_for{5000}; dead_for < milliseconds(9000);
           dead_for += milliseconds(90)) {
        EXPECT_LE(UntilNoticed(count, one_name, dead_for), milliseconds(2000))
            << count << " servers, " << (one_name ? "one name, " : "new names, ") << "dead for "
            << dead_for.count() << " ms";
      }
    }
  }
}

TEST_F(ServerStory, DeadServersGetNoMoreQuestionsThanTheirShare) {
  Servers({5, 5, 5});
  AllAre(true);
  for (int i = 0; i < 10; ++i) {
    Ask();
    Pass(milliseconds(3000));
  }
  // Three for the question, and each server but the one just asked once a second.
  EXPECT_LE(stage.network.sent.size(), 10U * (3 + 2 * 3));
  stage.NothingIsLeft();
}

TEST_F(ServerStory, AProbeTroublesNobody) {
  Servers({5, 5});
  servers[0].dead = true;
  Ask();
  Pass(milliseconds(1000));
  for (int i = 0; i < 5; ++i) {
    Pass(milliseconds(1100));
    const BootTime asked = stage.now;
    const size_t before = stage.network.sent.size();
    const auto id = Ask();
    ASSERT_EQ(stage.network.sent.size(), before + 2) << "the dead one is asked besides";
    EXPECT_EQ(NumberOf(stage.network.sent[before]), 2U);
    if (i % 2 == 0) {
      stage.Breaks(stage.LastSent());  // an ICMP error: it is as dead as before
    }
    Pass(milliseconds(100));
    EXPECT_EQ(Answered(id, asked), milliseconds(5));
    EXPECT_EQ(stage.network.sent.size(), before + 2) << "a probe asks nobody else";
  }
  Pass(milliseconds(3000));
  stage.NothingIsLeft();
}

TEST_F(ServerStory, OtherServersAreAskedAtOnceAndTheOldOnesNeverAgain) {
  Servers({5});
  AllAre(true);
  const auto id = Ask();
  Pass(milliseconds(700));
  stage.policy.upstreams[0].interface = "wlan0";  // the route has moved
  AllAre(false);
  const size_t before = stage.network.sent.size();
  stage.forwarder.SetPolicy(stage.policy, stage.now);
  Pass(milliseconds(10));
  EXPECT_EQ(stage.HeardOf(id).Addresses().size(), 1U) << "the question was not lost";
  ASSERT_EQ(stage.network.sent.size(), before + 1);
  EXPECT_EQ(stage.LastSent().server.interface, "wlan0");
  stage.NothingIsLeft();
}

}  // namespace
}  // namespace dnspin
