#include "nft/rule_ends.h"

#include <gtest/gtest.h>

#include <limits>

namespace dnspin {
namespace {

using std::chrono::seconds;

constexpr int64_t kYear = 31'556'952;

class HandClock final : public Clock {
 public:
  BootTime Now() override { return now; }
  int64_t WallSeconds() override { return wall; }
  BootTime now{seconds(1000)};
  int64_t wall = 50 * kYear;
};

class RuleEndsTest : public testing::Test {
 protected:
  RuleEndsTest() {
    desired_.clients.resize(2);
    for (const int64_t later : {-1, 3600, 7200}) {
      Rule rule;
      rule.expire = clock_.wall + later;
      desired_.clients[later == 3600 ? 0 : 1].rules.push_back(rule);
    }
    desired_.clients[0].rules.push_back({});
    ends_.TakeEnded(desired_);
    ends_.Follow(desired_);
  }

  HandClock clock_;
  Desired desired_;
  RuleEnds ends_{clock_};
};

TEST_F(RuleEndsTest, WithoutExpireThereIsNothingToWaitFor) {
  desired_.clients[0].rules = {Rule()};
  desired_.clients[1].rules.clear();
  ends_.Follow(desired_);
  clock_.wall = std::numeric_limits<int64_t>::max();
  EXPECT_FALSE(ends_.Due(clock_.now));
  EXPECT_FALSE(ends_.NextDeadline(clock_.now).has_value());
}

TEST_F(RuleEndsTest, TheFirstOneEndsAtItsSecond) {
  clock_.wall += 3599;
  EXPECT_FALSE(ends_.Due(clock_.now));
  EXPECT_EQ(ends_.NextDeadline(clock_.now), clock_.now + seconds(1));
  clock_.wall += 1;
  EXPECT_TRUE(ends_.Due(clock_.now));
  EXPECT_EQ(ends_.TakeEnded(desired_), 1U);
  EXPECT_EQ(desired_.clients[0].rules.size(), 1U);
  EXPECT_EQ(desired_.clients[1].rules.size(), 1U);
  ends_.Follow(desired_);
  EXPECT_FALSE(ends_.Due(clock_.now));
}

TEST_F(RuleEndsTest, AClockThatIsSetIsSeenSoon) {
  EXPECT_EQ(ends_.NextDeadline(clock_.now), clock_.now + seconds(5));
  clock_.wall += 5000;
  EXPECT_TRUE(ends_.Due(clock_.now));
  EXPECT_EQ(ends_.NextDeadline(clock_.now), clock_.now);
  clock_.wall -= 5000;
  EXPECT_FALSE(ends_.Due(clock_.now));
  for (const int64_t wall : {int64_t{0}, int64_t{-1}, int64_t{1} << 31, int64_t{-1} << 40}) {
    clock_.wall = wall;
    EXPECT_EQ(ends_.Due(clock_.now), wall > 50 * kYear + 3600);
    EXPECT_LE(ends_.NextDeadline(clock_.now), clock_.now + seconds(5));
  }
}

TEST_F(RuleEndsTest, WhatTheKernelRefusedIsTriedAgainLater) {
  clock_.wall += 3600;
  ends_.Postpone(clock_.now + seconds(1));
  EXPECT_FALSE(ends_.Due(clock_.now));
  EXPECT_EQ(ends_.NextDeadline(clock_.now), clock_.now + seconds(1));
  EXPECT_TRUE(ends_.Due(clock_.now + seconds(1)));
}

}  // namespace
}  // namespace dnspin
