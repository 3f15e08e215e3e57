#include <gtest/gtest.h>

#include <string>

#include "resolver/new_names.h"
#include "resolver/question_rate.h"

namespace dnspin {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr BootTime kStart{seconds(1000)};

Policy PolicyWith(const char* zone, uint32_t names) {
  Policy policy;
  policy.limits.names_per_pattern = names;
  Rule rule;
  rule.action = Action::kAccept;
  rule.host = HostPattern{HostPattern::Kind::kZone, *Name::FromHost(zone), {}};
  policy.rules = {rule};
  return policy;
}

Name Numbered(size_t number) { return *Name::FromHost("n" + std::to_string(number) + ".x.test"); }

TEST(QuestionRateTest, ABurstAndThenSoManyASecond) {
  QuestionRate rate;
  rate.SetLimits({.questions_per_second = 100, .questions_burst = 5});
  EXPECT_EQ(rate.Left(kStart), 5U);
  for (int i = 0; i < 5; ++i) {
    rate.Spend(kStart);
  }
  EXPECT_EQ(rate.Left(kStart), 0U);
  EXPECT_EQ(rate.NextLook(kStart), kStart + milliseconds(10));
  EXPECT_EQ(rate.Left(kStart + milliseconds(9)), 0U);
  EXPECT_EQ(rate.Left(kStart + milliseconds(30)), 3U);
  EXPECT_EQ(rate.Left(kStart + seconds(10)), 5U) << "never more than at once";
}

TEST(QuestionRateTest, WhoeverLooksAgainFindsOne) {
  for (const uint32_t per_second : {1U, 3U, 7U, 99U, 2000U, 1'000'000U}) {
    QuestionRate rate;
    rate.SetLimits({.questions_per_second = per_second, .questions_burst = 1});
    BootTime now = kStart;
    for (int i = 0; i < 1000; ++i) {
      rate.Spend(now);
      const BootTime next = rate.NextLook(now);
      ASSERT_GE(next, now + QuestionRate::kPause);
      ASSERT_EQ(rate.Left(next), 1U) << per_second;
      now = next;
    }
  }
}

TEST(QuestionRateTest, TheSameLimitsChangeNothing) {
  QuestionRate rate;
  const Limits limits{.questions_per_second = 1, .questions_burst = 1};
  rate.SetLimits(limits);
  rate.Spend(kStart);
  rate.SetLimits(limits);
  EXPECT_EQ(rate.Left(kStart), 0U);
  rate.SetLimits({.questions_per_second = 1, .questions_burst = 2});
  EXPECT_EQ(rate.Left(kStart), 2U);
}

TEST(NewNamesTest, SoManyAtOnceAndInTheLongRunSoManyAMinute) {
  NewNames names;
  const Policy policy = PolicyWith("x.test", 60);
  names.SetPolicy(policy);
  size_t taken = 0;
  for (size_t i = 0; i < 6000; ++i) {  // ten a second
    taken += names.Take(Numbered(i), policy.rules[0], kStart + milliseconds(100) * i) ? 1 : 0;
  }
  EXPECT_GE(taken, 60U + 599U);
  EXPECT_LE(taken, 60U + 600U);
}

TEST(NewNamesTest, ANameIsKnownForAWhileAfterItWasLastAsked) {
  NewNames names;
  const Policy policy = PolicyWith("x.test", 1);
  names.SetPolicy(policy);
  BootTime now = kStart;
  ASSERT_TRUE(names.Take(Numbered(0), policy.rules[0], now));
  for (size_t i = 0; i < 20; ++i, now += minutes(9)) {
    EXPECT_TRUE(names.Take(Numbered(0), policy.rules[0], now));
    names.Take(Numbered(1000 + 2 * i), policy.rules[0], now);  // spends what has come back
    EXPECT_FALSE(names.Take(Numbered(1001 + 2 * i), policy.rules[0], now));
  }
  now += minutes(21);
  EXPECT_TRUE(names.Take(Numbered(2000), policy.rules[0], now));
  now += minutes(1);
  EXPECT_TRUE(names.Take(Numbered(2000), policy.rules[0], now));
}

TEST(NewNamesTest, WhatIsKnownIsBounded) {
  NewNames names;
  const Policy policy = PolicyWith("x.test", 1'000'000);
  names.SetPolicy(policy);
  constexpr size_t kMany = 3 * NewNames::kKnownMax;
  for (size_t i = 0; i < kMany; ++i) {
    ASSERT_TRUE(names.Take(Numbered(i), policy.rules[0], kStart));
  }
  names.SetPolicy(PolicyWith("y.test", 1));
  EXPECT_TRUE(names.Take(Numbered(kMany - 1), policy.rules[0], kStart)) << "known";
  EXPECT_FALSE(names.Take(Numbered(0), policy.rules[0], kStart)) << "forgotten, and no pattern";
}

}  // namespace
}  // namespace dnspin
