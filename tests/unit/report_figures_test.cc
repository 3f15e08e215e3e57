#include "cli/report_figures.h"

#include <gtest/gtest.h>

namespace dnspin {
namespace {

const absl::Time kEnd =
    absl::FromCivil(absl::CivilSecond(2026, 11, 22, 15, 7, 30), absl::UTCTimeZone());

JournalEvent Pinned(int seconds_ago, const std::string& name, const std::string& address,
                    uint32_t life_s) {
  return {EventKind::kPinned, kEnd - absl::Seconds(seconds_ago), name, address, life_s, 1, "", 0};
}

JournalEvent Refused(int seconds_ago, const std::string& name, const std::string& reason) {
  return {EventKind::kRefused, kEnd - absl::Seconds(seconds_ago), name, "", 0, 0, reason, 0};
}

JournalEvent Revoked(int seconds_ago, const std::string& name, const std::string& address) {
  return {EventKind::kRevoked, kEnd - absl::Seconds(seconds_ago), name, address, 0, 0, "", 0};
}

Figures OfAnHour(std::vector<JournalEvent> events) {
  return CountEvents(std::move(events), {kEnd - absl::Hours(1), kEnd}, absl::UTCTimeZone());
}

// Seconds before the end at which lives begin and end.
std::vector<std::pair<int64_t, int64_t>> Lives(const PinnedAddress& pin) {
  std::vector<std::pair<int64_t, int64_t>> lives;
  for (const TimeSpan& life : pin.lives) {
    lives.emplace_back(absl::ToInt64Seconds(kEnd - life.begin),
                       absl::ToInt64Seconds(kEnd - life.end));
  }
  return lives;
}

TEST(ReportFigures, StepsAreRoundTimesAndHoldEveryLine) {
  const Figures figures =
      OfAnHour({Refused(3600, "a", "x"), Refused(1, "a", "x"), Refused(0, "b", "y"),
                Refused(3601, "early", "x"), Refused(-1, "late", "x")});
  EXPECT_EQ(figures.step, absl::Minutes(1));
  EXPECT_EQ(figures.first_step, kEnd - absl::Seconds(3630));  // 14:07
  ASSERT_EQ(figures.steps.size(), 61U);
  EXPECT_EQ(figures.steps.front().refused, 1U);
  EXPECT_EQ(figures.steps.back().refused, 2U);
  EXPECT_EQ(figures.lines.refused, 3U);
}

TEST(ReportFigures, StepsOfADayFollowTheZone) {
  const Figures figures = CountEvents({}, {kEnd - absl::Hours(24), kEnd},
                                      absl::FixedTimeZone(20 * 60));  // a zone of 20 minutes
  EXPECT_EQ(figures.step, absl::Minutes(30));
  EXPECT_EQ(kEnd - figures.first_step, absl::Hours(24) + absl::Seconds(27 * 60 + 30));
}

TEST(ReportFigures, ALineProlongsALifeAndNeverShortensIt) {
  const Figures figures =
      OfAnHour({Pinned(1000, "a", "192.0.2.1", 300), Pinned(800, "a", "192.0.2.1", 300),
                Pinned(700, "a", "192.0.2.1", 10), Pinned(100, "a", "192.0.2.1", 300)});
  ASSERT_EQ(figures.pinned.size(), 1U);
  const std::vector<std::pair<int64_t, int64_t>> lives = {{1000, 500}, {100, 0}};
  EXPECT_EQ(Lives(figures.pinned[0]), lives);  // the period ends before the last life does
  EXPECT_EQ(figures.pinned[0].open(), absl::Seconds(600));
  EXPECT_EQ(figures.pinned[0].lines, 4U);
}

TEST(ReportFigures, ARevocationEndsALife) {
  const Figures figures =
      OfAnHour({Revoked(700, "a", "192.0.2.1"), Pinned(800, "a", "192.0.2.1", 300),
                Revoked(900, "b", "192.0.2.1"), Pinned(100, "c", "192.0.2.1", 10),
                Revoked(50, "c", "192.0.2.1")});
  ASSERT_EQ(figures.pinned.size(), 3U);
  EXPECT_EQ(figures.pinned[0].name, "a");  // the longest open first
  EXPECT_EQ(Lives(figures.pinned[0]), (std::vector<std::pair<int64_t, int64_t>>{{800, 700}}));
  EXPECT_TRUE(figures.pinned[0].revoked);
  EXPECT_EQ(Lives(figures.pinned[1]), (std::vector<std::pair<int64_t, int64_t>>{{100, 90}}));
  EXPECT_TRUE(figures.pinned[2].lives.empty());  // it began before the first line
}

TEST(ReportFigures, WhatIsMostIsFirst) {
  JournalEvent without_time = Refused(0, "b", "x");
  without_time.at.reset();
  const Figures figures = OfAnHour({Refused(9, "a", "x"),
                                    Refused(8, "b", "x"),
                                    Refused(7, "b", "y"),
                                    without_time,
                                    Pinned(6, "a", "192.0.2.1", 5),
                                    {EventKind::kLeftOut, kEnd, "", "", 0, 0, "", 40},
                                    {EventKind::kError, kEnd, "", "", 0, 0, "first", 0},
                                    {EventKind::kBlocked, kEnd, "", "", 0, 0, "then", 0}});
  ASSERT_EQ(figures.names.size(), 2U);
  EXPECT_EQ(figures.names[0].name, "b");
  EXPECT_EQ(figures.names[1].addresses, 1U);
  ASSERT_EQ(figures.refusals.size(), 3U);
  EXPECT_EQ(figures.refusals[0].lines, 2U);
  EXPECT_EQ(figures.refusals[0].last, kEnd - absl::Seconds(8));
  EXPECT_EQ(figures.left_out, 40U);
  EXPECT_EQ(figures.without_time, 1U);
  ASSERT_EQ(figures.troubles.size(), 2U);
  EXPECT_EQ(figures.troubles[0].words, "then");
  EXPECT_EQ(figures.lines.sum(), 7U);
}

}  // namespace
}  // namespace dnspin
