#include "cli/watch_lines.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

namespace dnspin {
namespace {

std::string TextOf(const Row& row) {
  std::string text;
  for (const Cell& cell : row) {
    text += cell.text;
  }
  return text;
}

WatchState StateOf(size_t events, size_t pins) {
  WatchState state;
  state.questions = "12";
  state.refused = "1.5";
  for (size_t i = 0; i < events; ++i) {
    state.events.push_back({"work",
                            i % 2 == 0 ? "pinned" : "refused",
                            "n" + std::to_string(i) + ".test",
                            "A",
                            "",
                            "",
                            0,
                            {}});
  }
  for (size_t i = 0; i < pins; ++i) {
    state.pins.push_back({"work", "192.0.2." + std::to_string(i), "x.test", "tcp 443", 330});
  }
  return state;
}

TEST(WatchLinesTest, ALineOfAnEvent) {
  setenv("TZ", "UTC", 1);
  tzset();
  WatchEvent event{"work", "refused", "casino\x1b.test", "A", "", "no rule lists it", 45005, {}};
  EXPECT_EQ(TextOf(EventLine(event)),
            "12:30:05 refused work casino\\027.test A (no rule lists it)");
  EXPECT_EQ(EventLine(event)[1].colour, Colour::kBad);
  event.addresses = "192.0.2.1 192.0.2.2";
  event.rule = "";
  EXPECT_EQ(TextOf(EventLine(event)),
            "12:30:05 refused work casino\\027.test A 192.0.2.1 192.0.2.2");
}

TEST(WatchLinesTest, ABarIsAsFullAsLifeIsLeft) {
  EXPECT_EQ(BarText(300, 300, 10), "[##########]");
  EXPECT_EQ(BarText(150, 300, 10), "[#####.....]");
  EXPECT_EQ(BarText(1, 300, 10), "[#.........]");
  EXPECT_EQ(BarText(0, 300, 10), "[..........]");
  EXPECT_EQ(BarText(-5, 0, 3), "[...]");
  EXPECT_EQ(BarText(1'000'000'000'000'000, 1'000'000'000'000'000, 20), "[####################]");
}

TEST(WatchLinesTest, TheScreenIsFilledAndNoMore) {
  for (const size_t events : {0U, 3U, 500U}) {
    for (const size_t pins : {0U, 3U, 500U}) {
      for (const ScreenSize size :
           {ScreenSize{0, 0}, ScreenSize{1, 9}, ScreenSize{3, 20}, ScreenSize{24, 80}}) {
        const auto rows = WatchScreen(StateOf(events, pins), size);
        EXPECT_LE(rows.size(), size.rows);
        for (const Row& row : rows) {
          EXPECT_LE(TextOf(row).size(), size.columns);
        }
      }
    }
  }
}

TEST(WatchLinesTest, RatesPinsAndTheNewestEvents) {
  const auto rows = WatchScreen(StateOf(500, 2), {10, 100});
  ASSERT_EQ(rows.size(), 10U);
  EXPECT_EQ(TextOf(rows[0]), "all clients  12 questions/s  1.5 refused/s  0 upstream/s  q quits");
  EXPECT_EQ(TextOf(rows[1]), "Open: 2 pins");
  EXPECT_EQ(TextOf(rows[2]), "[####################]   330s  192.0.2.0  x.test  work tcp 443");
  EXPECT_EQ(TextOf(rows[4]), "Asked");
  EXPECT_NE(TextOf(rows[9]).find("n499.test"), std::string::npos);
}

}  // namespace
}  // namespace dnspin
