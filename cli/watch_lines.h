#pragma once
// Knows: how what happens looks, as lines of text and as a full screen. Touches nothing.

#include <cstddef>
#include <string>
#include <vector>

#include "cli/table.h"
#include "cli/watch_feed.h"

namespace dnspin {

// "12:30:05 refused work casino.example A: no rule lists it"
Row EventLine(const WatchEvent& event);

struct ScreenSize {
  size_t rows = 24;
  size_t columns = 80;
};

// At most as many lines as there are rows, each cut to the columns.
std::vector<Row> WatchScreen(const WatchState& state, ScreenSize size);

// The part of a bar that is full, as a fraction of all that may be left.
std::string BarText(int64_t left_s, int64_t most_s, size_t columns);

}  // namespace dnspin
