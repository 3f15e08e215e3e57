// Who is asked for next of all that is resolved although nobody asks.
#include "resolver/standing_questions.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "pinning/answer.h"

namespace dnspin {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Why = StandingQuestion::Why;

StandingQuestion Q(const std::string& name, Why why = Why::kDropped) {
  return {why, *Name::FromHost(name), dns::kA};
}

class StandingQuestionsTest : public testing::Test {
 protected:
  // Whose turn it is, until nothing is due: "work ads.test".
  std::vector<std::string> Pass(BootClock::duration time) {
    std::vector<std::string> taken;
    const BootTime until = now_ + time;
    for (;;) {
      std::optional<BootTime> next;
      for (const std::string* owner : {&work_, &home_}) {
        if (const auto deadline = line_.NextDeadline(owner)) {
          EXPECT_FALSE(next) << "two turns at once";
          next = deadline;
        }
      }
      if (!next || *next > until) {
        break;
      }
      now_ = std::max(now_, *next);
      for (const std::string* owner : {&work_, &home_}) {
        if (const auto question = line_.TakeDue(owner, now_)) {
          taken.push_back(*owner + " " + question->name.Text());
          times_.push_back(now_);
          if (answered_) {
            line_.AskAgain(owner, *question, life_, now_);
          } else {
            line_.Failed(owner, *question, now_);
          }
        }
      }
    }
    now_ = until;
    return taken;
  }

  StandingQuestions line_;
  const std::string work_ = "work";
  const std::string home_ = "home";
  BootTime now_{seconds(1000)};
  bool answered_ = true;
  seconds life_{60};
  std::vector<BootTime> times_;
};

using Turns = std::vector<std::string>;

TEST_F(StandingQuestionsTest, InTheOrderOfTheirTimes) {
  line_.Keep(&work_, {Q("a.test"), Q("b.test")}, now_);
  line_.Keep(&home_, {Q("c.test")}, now_);
  EXPECT_EQ(Pass(seconds(1)), (Turns{"work a.test", "work b.test", "home c.test"}));
  EXPECT_EQ(Pass(seconds(58)), Turns{});
  EXPECT_EQ(Pass(seconds(2)), (Turns{"work a.test", "work b.test", "home c.test"}));
}

TEST_F(StandingQuestionsTest, WhatKeepsAChainClosedGoesFirst) {
  line_.Keep(&work_, {Q("a.test", Why::kPrefetched), Q("b.test", Why::kPrefetched)}, now_);
  line_.Keep(&home_, {Q("ads.test")}, now_);
  EXPECT_EQ(Pass(seconds(1)), (Turns{"home ads.test", "work a.test", "work b.test"}));
}

TEST_F(StandingQuestionsTest, OneWithManyNamesDoesNotKeepTheOtherWaiting) {
  std::vector<StandingQuestion> many;
  for (int i = 0; i < 500; ++i) {
    many.push_back(Q(fmt::format("n{}.test", i)));
  }
  life_ = seconds(5);  // more than can be asked: each in its turn
  line_.Keep(&work_, many, now_);
  line_.Keep(&home_, {Q("home.test")}, now_);
  std::map<std::string, int> turns;
  for (const std::string& turn : Pass(seconds(100))) {
    ++turns[turn];
  }
  EXPECT_EQ(times_.size(), 5001U);
  EXPECT_GE(turns["home home.test"], 9);
  EXPECT_GE(turns["work n499.test"], 9);
}

TEST_F(StandingQuestionsTest, NeverTwoWithinTwentyMilliseconds) {
  std::vector<StandingQuestion> many;
  for (int i = 0; i < 100; ++i) {
    many.push_back(Q(fmt::format("n{}.test", i)));
  }
  line_.Keep(&work_, many, now_);
  now_ += seconds(3600);  // the machine slept
  Pass(seconds(10));
  line_.AskAllAnew(&work_, now_);
  Pass(seconds(10));
  EXPECT_EQ(times_.size(), 200U);
  for (size_t i = 1; i < times_.size(); ++i) {
    ASSERT_GE(times_[i] - times_[i - 1], milliseconds(20));
  }
}

TEST_F(StandingQuestionsTest, AChainThatIsClosedIsNeverLeftForMoreThanFiveSeconds) {
  line_.Keep(&work_, {Q("a.test")}, now_);
  answered_ = false;
  Pass(seconds(3600));
  ASSERT_GT(times_.size(), 700U);
  for (size_t i = 1; i < times_.size(); ++i) {
    ASSERT_LE(times_[i] - times_[i - 1], seconds(5));
  }
}

TEST_F(StandingQuestionsTest, WhatFailedIsDueWhenAnUpstreamAnswersAgain) {
  line_.Keep(&work_, {Q("a.test", Why::kPrefetched)}, now_);
  answered_ = false;
  Pass(seconds(700));
  line_.Keep(&home_, {Q("b.test")}, now_);
  answered_ = true;
  Pass(milliseconds(100));
  line_.AskFailed(now_);
  EXPECT_EQ(Pass(milliseconds(100)), (Turns{"work a.test"})) << "the other did not fail";
  line_.AskFailed(now_);
  EXPECT_EQ(Pass(milliseconds(100)), Turns{});
}

TEST_F(StandingQuestionsTest, WhatFailsThenTooMustWait) {
  line_.Keep(&work_, {Q("a.test", Why::kPrefetched)}, now_);
  answered_ = false;
  Pass(seconds(1200));
  times_.clear();
  for (int i = 0; i < 3000; ++i) {
    line_.AskFailed(now_);
    Pass(seconds(1));
  }
  EXPECT_GE(times_.size(), 18U);
  EXPECT_LE(times_.size(), 22U) << "twice in 300 s";
}

TEST_F(StandingQuestionsTest, ManyDroppedNamesThatFailLeaveTheOthersSome) {
  std::vector<StandingQuestion> many;
  for (int i = 0; i < 500; ++i) {
    many.push_back(Q(fmt::format("n{}.test", i)));
  }
  line_.Keep(&work_, many, now_);
  answered_ = false;
  Pass(seconds(60));
  line_.Keep(&home_, {Q("b.test", Why::kPrefetched)}, now_);
  const Turns turns = Pass(seconds(1));
  EXPECT_EQ(std::count(turns.begin(), turns.end(), "home b.test"), 1);
  EXPECT_GE(turns.size(), 49U);
}

TEST_F(StandingQuestionsTest, PausesGrowToFiveMinutes) {
  line_.Keep(&work_, {Q("a.test", Why::kPrefetched)}, now_);
  answered_ = false;
  Pass(seconds(2800));
  std::vector<int64_t> pauses;
  for (size_t i = 1; i < times_.size(); ++i) {
    pauses.push_back(std::chrono::round<seconds>(times_[i] - times_[i - 1]).count());
  }
  EXPECT_EQ(pauses, (std::vector<int64_t>{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300, 300,
                                          300, 300}));
  answered_ = true;
  Pass(seconds(300));
  answered_ = false;
  times_.clear();
  Pass(seconds(64));
  ASSERT_GE(times_.size(), 2U);
  EXPECT_EQ(times_[1] - times_[0], seconds(1)) << "an answer ends the pauses";
}

TEST_F(StandingQuestionsTest, WhatStaysKeepsItsTimeAndWhatGoesIsForgotten) {
  line_.Keep(&work_, {Q("a.test"), Q("b.test")}, now_);
  Pass(seconds(1));
  line_.Keep(&work_, {Q("b.test"), Q("c.test"), Q("c.test")}, now_);
  EXPECT_EQ(Pass(seconds(58)), Turns{"work c.test"});
  EXPECT_FALSE(line_.Keeps(&work_, Q("a.test")));
  EXPECT_EQ(Pass(seconds(10)), (Turns{"work b.test", "work c.test"}));
  line_.Leave(&work_);
  EXPECT_EQ(Pass(seconds(100)), Turns{});
  line_.AskAgain(&work_, Q("b.test"), seconds(1), now_);
  line_.Failed(&home_, Q("b.test"), now_);
  EXPECT_EQ(Pass(seconds(100)), Turns{}) << "late answers are nobody's";
}

}  // namespace
}  // namespace dnspin
