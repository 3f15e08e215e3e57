// Seeded weather: many questions under a network that delays, loses, doubles, forges and refuses, a
// firewall that is late, full or silent, and rules that change. Whatever happens, every question
// gets one reply in time, nothing is told that the firewall did not confirm, and nothing is left.
// A seed that fails is a story: `--gtest_filter=Seeds/*/SEED`.

#include "tests/scenario/resolver_stage.h"

namespace dnspin {
namespace {

using namespace stage;  // NOLINT: the vocabulary of the stories

constexpr milliseconds kLastReply{2500};  // a question's patience, then a pin's

class Weather {
 public:
  explicit Weather(uint64_t seed) : dice_(seed) {
    stage_.policy.upstreams = {{*Endpoint::Parse("192.0.2.1"), "eth0"},
                               {*Endpoint::Parse("192.0.2.2"), "eth0"}};
    ChangePolicy();
  }

  size_t told() const { return told_; }

  void Run() {
    for (int step = 0; step < 400; ++step) {
      if (Chance(60)) {
        AskSomething();
        CheckReplies();  // by the policy that they were told under
      }
      if (Chance(3)) {
        ChangePolicy();
      }
      stage_.Pass(milliseconds(Roll(40)));
      LetNetworkAct();
      LetFirewallAct();
      CheckReplies();
    }
    for (int step = 0; step < 60; ++step) {
      stage_.Pass(milliseconds(100));
      LetFirewallAct();
    }
    CheckReplies();
    for (const auto& [id, at] : asked_) {
      EXPECT_EQ(stage_.client.heard[id].size(), 1U) << "question " << id;
    }
    stage_.NothingIsLeft();
  }

 private:
  uint64_t Roll(uint64_t sides) { return dice_.Next() % sides; }
  bool Chance(uint64_t percent) { return Roll(100) < percent; }

  void ChangePolicy() {
    static const std::vector<std::vector<std::string>> kSets = {
        {"accept .example.com tcp 443", "drop"},
        {"drop *.ads.test", "accept *.example.com", "accept specialtarget=dns"},
        {"accept specialtarget=dns", "accept www.example.com"},
        {"drop"},
    };
    stage_.policy.rules = RulesOf(kSets[Roll(kSets.size())]);
    ++stage_.policy.generation;
    if (Chance(20)) {
      std::swap(stage_.policy.upstreams[0], stage_.policy.upstreams[1]);
    }
    stage_.forwarder.SetPolicy(stage_.policy, stage_.now);
  }

  void AskSomething() {
    static const std::vector<std::string> kNames = {
        "www.example.com", "a.example.com", "b.example.com",  "x.ads.test",
        "other.test",      "localhost",     "mask.icloud.com"};
    static const std::vector<uint16_t> kTypes = {dns::kA, dns::kA, dns::kAaaa, dns::kHttps};
    const auto id = stage_.Ask(kNames[Roll(kNames.size())], kTypes[Roll(kTypes.size())],
                               [this](Question& question, ReturnPath& path) {
                                 question.dnssec_ok = Chance(20);
                                 path.transport = Chance(20) ? Transport::kTcp : Transport::kUdp;
                               });
    asked_[id] = stage_.now;
  }

  Message SomeAnswer(const Sent& sent) {
    const std::string name = sent.question.asked.Text();
    Message message;
    switch (Roll(8)) {
      case 0:
        return {.flags = static_cast<uint16_t>(0x8180 + Roll(6))};
      case 1:
        return {.flags = 0x8183, .authority = {SoaOf("example.com", 30, 30)}};
      case 2:
        return {.flags = 0x8380, .answer = {Record4(name, 66)}};
      case 3:
        message.answer = {AliasOf(name, "x.ads.test", 20), RecordOf("x.ads.test", "10.0.0.1"),
                          Record4("x.ads.test", 7, 3)};
        return message;
      default:
        for (uint64_t i = Roll(60); i-- > 0;) {
          message.answer.push_back(RecordOf(name,
                                            sent.question.type == dns::kAaaa
                                                ? "2001:db8::" + std::to_string(i)
                                                : "203.0.113." + std::to_string(Roll(250)),
                                            static_cast<uint32_t>(Roll(5))));
        }
        return message;
    }
  }

  void LetNetworkAct() {
    for (size_t i = stage_.network.sent.size() > 12 ? stage_.network.sent.size() - 12 : 0;
         i < stage_.network.sent.size(); ++i) {
      const Sent sent = stage_.network.sent[i];
      if (!Chance(30)) {
        continue;
      }
      if (Chance(10)) {
        stage_.Breaks(sent);
        continue;
      }
      std::string octets = Stage::ReplyTo(sent, SomeAnswer(sent));
      if (Chance(10)) {
        octets[Roll(octets.size())] = static_cast<char>(Roll(256));
      }
      if (Chance(5)) {
        octets.resize(Roll(octets.size()));
      }
      for (uint64_t times = Chance(10) ? 2 : 1; times-- > 0;) {
        stage_.Arrives(sent, octets);
      }
    }
    stage_.network.unreachable.clear();
    if (Chance(10)) {
      stage_.network.unreachable.insert("192.0.2.1:53");
    }
  }

  void LetFirewallAct() {
    while (stage_.firewall.taken < stage_.firewall.requests.size() && !Chance(20)) {
      const PinRequest& request = stage_.firewall.requests[stage_.firewall.taken];
      const auto outcome = request.generation < stage_.policy.generation ? PinOutcome::kStale
                           : Chance(80)                                  ? PinOutcome::kDone
                                        : static_cast<PinOutcome>(Roll(4));
      if (outcome == PinOutcome::kDone) {
        for (const Address& address : request.addresses) {
          confirmed_.insert(request.asked.Text() + " " + address.Text());
        }
      }
      stage_.FirewallSays(outcome);
    }
  }

  // The oracle: what a client was told of a name while the rules pinned it, the firewall had said.
  void CheckReplies() {
    const ClientPolicy policy(stage_.policy);
    for (const auto& [id, replies] : stage_.client.heard) {
      ASSERT_EQ(replies.size(), 1U) << "question " << id;
      if (!checked_.insert(id).second) {
        continue;
      }
      const Heard& heard = replies.front();
      EXPECT_LE(heard.at - asked_.at(id), kLastReply);
      const bool pinned =
          policy.Judge(heard.answer.asked, heard.answer.type, Transport::kUdp, {}).standing ==
          Standing::kPinned;
      for (const std::string& address : heard.Addresses()) {
        ++told_;
        if (pinned) {
          EXPECT_TRUE(confirmed_.contains(heard.answer.asked.Text() + " " + address)) << id;
        }
        EXPECT_FALSE(address.starts_with("10.")) << id;
      }
    }
  }

  SteadyRandom dice_;
  Stage stage_{{"drop"}};
  std::map<uint16_t, BootTime> asked_;
  std::set<uint16_t> checked_;
  std::set<std::string> confirmed_;

  size_t told_ = 0;
};

class WeatherTest : public testing::TestWithParam<uint64_t> {};

TEST_P(WeatherTest, NothingIsLostAndNothingIsLeft) {
  Weather weather(GetParam());
  weather.Run();
  EXPECT_GT(weather.told(), 20U) << "nothing was told: this story shows nothing";
}

INSTANTIATE_TEST_SUITE_P(Seeds, WeatherTest, testing::Range<uint64_t>(1, 41));

}  // namespace
}  // namespace dnspin
