// An honest reader and dnspind's judge, with messages under way between them, short lives, rules
// that change and readers that start anew. They keep the same grants by the same arithmetic, each
// at its own time: whatever happens, the judge never takes the honest one for a liar.

#include <utility>

#include "nft/judge.h"
#include "tests/scenario/resolver_stage.h"

namespace dnspin {
namespace {

using namespace stage;  // NOLINT: the vocabulary of the stories

class TwoSides {
 public:
  explicit TwoSides(uint64_t seed) : dice_(seed) { StartReader(); }

  size_t granted_pins() const { return granted_pins_; }
  size_t late() const { return late_; }

  void Run() {
    for (int step = 0; step < 3000; ++step) {
      if (Chance(50)) {
        reader_->Ask(SomeName(), Chance(60) ? dns::kA : dns::kMx);
      }
      LetUpstreamAct();
      if (Chance(60)) {
        LetJudgeAct(Roll(20));
      }
      if (Chance(1)) {
        ChangeRules();
      }
      if (Chance(20)) {
        HearPolicies();
      }
      if (Chance(1) && Chance(50)) {
        StartReader();
      }
      Pass(milliseconds(Roll(60)));
      if (Chance(1)) {  // a suspend, whatever is under way
        Pass(seconds(Roll(200)));
      }
    }
  }

 private:
  uint64_t Roll(uint64_t sides) { return dice_.Next() % sides; }
  bool Chance(uint64_t percent) { return Roll(100) < percent; }

  std::string SomeName() {
    static const std::vector<std::string> kListed = {"www.example.com", "a.example.com",
                                                     "only.test"};
    return Chance(40) ? kListed[Roll(kListed.size())] : Target();
  }
  std::string Target() { return "t" + std::to_string(Roll(60)) + ".cdn.test"; }

  void Pass(BootClock::duration time) {
    reader_->Pass(time);
    now_ = reader_->now;
    grants_.Expire(now_);
  }

  Policy Told() const {
    Policy told = policy_;
    told.grants = grants_.All();
    return told;
  }

  // What is under way from the one before is lost.
  void StartReader() {
    reader_ = std::make_unique<Stage>(std::vector<std::string>{"drop"});
    reader_->now = now_;
    policies_.clear();
    if (policy_.generation == 0) {
      policy_ = reader_->policy;
      ChangeRules();
    }
    policies_.push_back(Told());
    HearPolicies();
  }

  void ChangeRules() {
    static const std::vector<std::vector<std::string>> kSets = {
        {"accept .example.com tcp 443", "accept only.test"},
        {"accept only.test", "drop .t7.cdn.test", "accept .example.com tcp 443",
         "accept www.example.com"},
        {"accept www.example.com", "accept .example.com tcp 22", "accept t1.cdn.test"},
        {"accept specialtarget=dns", "accept .example.com", "drop *.cdn.test"},
        {"accept only.test", "drop nothing.test tcp 1", "accept .example.com"},
    };
    policy_.rules = RulesOf(kSets[Roll(kSets.size())]);
    ++policy_.generation;
    permissions_ = Permissions(policy_);
    groups_ = GroupsOf(policy_.rules, groups_);
    grants_.KeepWhatStands(permissions_);
    policies_.push_back(Told());
  }

  void HearPolicies() {
    for (Policy& policy : policies_) {
      reader_->forwarder.SetPolicy(std::move(policy), now_);
    }
    policies_.clear();
  }

  void LetUpstreamAct() {
    for (const Sent& question : std::exchange(reader_->network.sent, {})) {
      const std::string name = question.question.asked.Text();
      const auto ttl = static_cast<uint32_t>(Roll(4));
      Message message;
      if (question.question.type == dns::kMx) {
        for (uint64_t i = Roll(40); i-- > 0;) {
          message.answer.push_back(ARecord(N(name), dns::kMx, U16(1) + N(Target()), ttl));
        }
      } else if (Chance(30)) {
        message.answer = {AliasOf(name, Target(), ttl)};
      } else {
        message.answer = {Record4(name, static_cast<uint8_t>(Roll(200)), ttl)};
      }
      reader_->Arrives(question, Stage::ReplyTo(question, message));
    }
  }

  void LetJudgeAct(uint64_t messages) {
    auto& waiting = reader_->firewall.sent;
    for (; messages-- > 0 && !waiting.empty(); waiting.pop_front()) {
      if (const auto* const grant = std::get_if<GrantRequest>(&waiting.front())) {
        Take(*grant);
      } else {
        Take(std::get<PinRequest>(waiting.front()));
      }
    }
  }

  void Take(const GrantRequest& request) {
    GrantJudgement judgement = Judge(request, policy_, permissions_, grants_, now_);
    ASSERT_NE(judgement.kind, GrantJudgement::Kind::kWrong)
        << judgement.why << ": " << request.parent.Text() << " names " << request.target.Text();
    if (judgement.kind == GrantJudgement::Kind::kStands) {
      grants_.Add(std::move(judgement.grant));
    } else {
      grants_.LeaveOut(now_ + seconds(request.ttl_s) + Grants::kRemembered);
    }
  }

  void Take(const PinRequest& request) {
    const Judgement judgement = Judge(request, policy_, permissions_, groups_, grants_, now_);
    ASSERT_NE(judgement.kind, Judgement::Kind::kBreach)
        << judgement.why << ": " << request.asked.Text() << " under " << request.rule_host;
    const bool stands = judgement.kind == Judgement::Kind::kStands;
    granted_pins_ += stands && permissions_.Judge(request.asked).LeavesRoom() ? 1 : 0;
    late_ += stands ? 0 : 1;
    reader_->forwarder.OnPinReply({request.ticket, stands ? PinOutcome::kDone : PinOutcome::kStale},
                                  now_);
  }

  SteadyRandom dice_;
  BootTime now_{seconds(1000)};
  std::unique_ptr<Stage> reader_;
  std::deque<Policy> policies_;  // on their way to the reader
  size_t granted_pins_ = 0;
  size_t late_ = 0;

  // dnspind's.
  Policy policy_;
  Permissions permissions_{policy_};
  std::vector<PinGroup> groups_;
  Grants grants_;
};

class HonestReaderTest : public testing::TestWithParam<uint64_t> {};

TEST_P(HonestReaderTest, IsNeverTakenForALiar) {
  TwoSides sides(GetParam());
  sides.Run();
  EXPECT_GT(sides.granted_pins(), 20U) << "nothing was granted: this story shows nothing";
  EXPECT_LT(sides.late(), sides.granted_pins());
}

INSTANTIATE_TEST_SUITE_P(Seeds, HonestReaderTest, testing::Range<uint64_t>(1, 21));

}  // namespace
}  // namespace dnspin
