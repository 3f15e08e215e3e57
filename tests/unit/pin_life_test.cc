// How long a TTL is told and a pin lives (design.md 6; peers.md 4, row 20).
#include "pinning/pin_life.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pinning/answer.h"

namespace dnspin {
namespace {

using std::chrono::seconds;

struct Story {
  std::string what;
  uint32_t ttl;
  seconds told, life;
  PinTerms terms{};
};

const PinTerms kNoFloor{.floor = seconds(5)};
const PinTerms kBare{.told_max = seconds(1), .floor = seconds(0), .slack = seconds(0)};
const PinTerms kGenerous{
    .told_max = seconds(UINT32_MAX), .floor = seconds(0), .slack = seconds(30)};

const std::vector<Story> kStories = {
    {"nought is told as a second", 0, seconds(1), seconds(300)},
    {"one", 1, seconds(1), seconds(300)},
    {"five", 5, seconds(5), seconds(300)},
    {"the floor holds until the slack reaches it", 270, seconds(270), seconds(300)},
    {"then the life is what was told and the slack", 271, seconds(271), seconds(301)},
    {"the longest that is told", 300, seconds(300), seconds(330)},
    {"a day is told as five minutes", 86400, seconds(300), seconds(330)},
    {"2^31-1", 0x7FFFFFFF, seconds(300), seconds(330)},
    {"2^31 is nought", 0x80000000, seconds(1), seconds(300)},
    {"2^32-1 is nought", 0xFFFFFFFF, seconds(1), seconds(300)},
    {"with a floor of five seconds", 5, seconds(5), seconds(35), kNoFloor},
    {"nought with that floor", 0, seconds(1), seconds(31), kNoFloor},
    {"no slack, no floor: a pin lives as long as it was told", 0, seconds(1), seconds(1), kBare},
    {"as long as can be", 0x7FFFFFFF, seconds(0x7FFFFFFF), seconds(0x7FFFFFFF) + seconds(30),
     kGenerous},
};

TEST(PinLife, WhatIsToldIsOutlived) {
  for (const Story& story : kStories) {
    SCOPED_TRACE(story.what);
    const seconds told = Told(LowerTtl(story.ttl), story.terms);
    EXPECT_EQ(told, story.told);
    EXPECT_EQ(PinLife(told, story.terms), story.life);
  }
}

TEST(PinLife, AlwaysBetweenItsBounds) {
  for (const PinTerms& terms : {PinTerms{}, kNoFloor, kBare, kGenerous}) {
    for (uint64_t ttl = 0; ttl <= UINT32_MAX; ttl = ttl * 3 + 1) {
      const seconds told = Told(static_cast<uint32_t>(ttl), terms);
      EXPECT_GE(told, seconds(1));
      EXPECT_LE(told, terms.told_max);
      EXPECT_GE(PinLife(told, terms), told + terms.slack);
      EXPECT_GE(PinLife(told, terms), terms.floor);
      EXPECT_LE(PinLife(told, terms), std::max(terms.told_max + terms.slack, terms.floor));
    }
  }
}

}  // namespace
}  // namespace dnspin
