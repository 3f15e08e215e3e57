#pragma once
// Knows: how counts and times are drawn, as SVG in a page. Touches nothing.

#include "absl/time/time.h"
#include "cli/html.h"
#include "cli/report_figures.h"

namespace dnspin {

// Kinds in the order in which they stand on each other, and what the page calls them.
struct LineKind {
  const char* style;  // class in the page's style
  const char* name;
  uint64_t LineCounts::*count;
};
extern const std::array<LineKind, 4> kLineKinds;

// Bars of each step, with a scale of lines and one of time.
Html ActivityChart(const Figures& figures, const absl::TimeZone& zone);

// A bar as wide as its part of `most`, for a cell of a table.
Html CountBar(const LineCounts& counts, uint64_t most);

// Where in the period a pin was open, for a cell, and the scale for the cell above those.
Html LifeLine(const PinnedAddress& pin, const TimeSpan& period, const absl::TimeZone& zone);
Html LifeScale(const TimeSpan& period, const absl::TimeZone& zone);

// "14:05", and the day where it begins one.
std::string ClockText(absl::Time time, const absl::TimeZone& zone);

// "1 h 5 min", "5 min 30 s"
std::string DurationText(absl::Duration duration);

}  // namespace dnspin
