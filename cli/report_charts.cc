#include "cli/report_charts.h"

#include <algorithm>
#include <cmath>

namespace dnspin {
namespace {

// Of the chart, in units of its viewBox.
constexpr double kWidth = 960;
constexpr double kHeight = 230;
constexpr double kLeft = 44;
constexpr double kRight = 8;
constexpr double kTop = 10;
constexpr double kFoot = 26;
constexpr double kPlot = kHeight - kTop - kFoot;
constexpr double kRowWidth = 1000;  // of what is drawn in a cell, which stretches it

// 1, 2 or 5 times a power of ten, so that at most five lines reach `most`.
uint64_t RoundStep(uint64_t most) {
  for (uint64_t power = 1;; power *= 10) {
    for (const uint64_t digit : {1U, 2U, 5U}) {
      if (digit * power * 5 >= most) {
        return digit * power;
      }
    }
  }
}

// Round times of the clock on the wall, `count_max` at most, that lie in the period.
std::vector<absl::Time> RoundTimes(const TimeSpan& period, int count_max,
                                   const absl::TimeZone& zone) {
  absl::Duration step = absl::Hours(24);
  for (const int minutes : {5, 10, 15, 30, 60, 120, 180, 360, 720}) {
    if (period.length() / absl::Minutes(minutes) <= count_max) {
      step = absl::Minutes(minutes);
      break;
    }
  }
  const absl::Duration offset = absl::Seconds(zone.At(period.begin).offset);
  std::vector<absl::Time> times;
  for (absl::Time time =
           absl::UnixEpoch() - offset + absl::Ceil(period.begin - absl::UnixEpoch() + offset, step);
       time <= period.end; time += step) {
    times.push_back(time);
  }
  return times;
}

double Part(absl::Time time, const TimeSpan& period) {
  const double part = absl::FDivDuration(time - period.begin, period.length());
  return std::clamp(part, 0.0, 1.0);
}

Html CountScale(uint64_t step, uint64_t top) {
  Html lines;
  for (uint64_t count = 0; count <= top; count += step) {
    const double y = kTop + kPlot * (1 - static_cast<double>(count) / static_cast<double>(top));
    lines += Markup(
        "<line class=\"{}\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<text class=\"right\" x=\"{}\" y=\"{:.1f}\">{}</text>\n",
        count == 0 ? "axis" : "grid", kLeft, kWidth - kRight, y, y, kLeft - 8, y + 4,
        Grouped(count));
  }
  return lines;
}

Html TimeScale(const TimeSpan& span, const absl::TimeZone& zone) {
  Html marks;
  for (const absl::Time time : RoundTimes(span, 8, zone)) {
    const double x = kLeft + Part(time, span) * (kWidth - kLeft - kRight);
    marks += Markup(
        "<line class=\"axis\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{}\" y2=\"{}\"/>"
        "<text class=\"middle\" x=\"{:.1f}\" y=\"{}\">{}</text>\n",
        x, x, kTop + kPlot, kTop + kPlot + 5, x, kHeight - 6, ClockText(time, zone));
  }
  return marks;
}

std::string CountsText(const LineCounts& counts) {
  std::string text;
  for (const LineKind& kind : kLineKinds) {
    if (counts.*kind.count != 0) {
      text +=
          fmt::format("{}{} {}", text.empty() ? "" : ", ", Grouped(counts.*kind.count), kind.name);
    }
  }
  return text;
}

// One bar of pieces, from the bottom up.
Html StackedBar(const LineCounts& counts, double x, double width, uint64_t top,
                const std::string& title) {
  Html bar = Markup("<g><title>{}</title>", title);
  double y = kTop + kPlot;
  for (const LineKind& kind : kLineKinds) {
    const auto lines = static_cast<double>(counts.*kind.count);
    const double height = kPlot * lines / static_cast<double>(top);
    y -= height;
    if (height > 0) {
      bar += Markup(
          "<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>",
          kind.style, x, y, width, height);
    }
  }
  bar += Markup("</g>\n");
  return bar;
}

}  // namespace

const std::array<LineKind, 4> kLineKinds = {{
    {"pinned", "pinned", &LineCounts::pinned},
    {"refused", "refused", &LineCounts::refused},
    {"revoked", "revoked", &LineCounts::revoked},
    {"trouble", "errors", &LineCounts::trouble},
}};

Html ActivityChart(const Figures& figures, const absl::TimeZone& zone) {
  uint64_t most = 1;
  for (const LineCounts& counts : figures.steps) {
    most = std::max(most, counts.sum());
  }
  const uint64_t step = RoundStep(most);
  const uint64_t top = (most + step - 1) / step * step;
  const auto count = static_cast<double>(figures.steps.size());
  const TimeSpan span{figures.first_step, figures.first_step + figures.step * count};
  Html svg = Markup(
      "<svg class=\"activity\" viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"activity-title "
      "activity-text\">\n"
      "<title id=\"activity-title\">Lines over time</title>\n"
      "<desc id=\"activity-text\">Stacked bars, one every {}, the highest of {} lines. The table "
      "below has their numbers.</desc>\n",
      kWidth, kHeight, DurationText(figures.step), Grouped(most));
  svg += CountScale(step, top);
  svg += TimeScale(span, zone);
  const double pitch = (kWidth - kLeft - kRight) / count;
  for (size_t i = 0; i < figures.steps.size(); ++i) {
    const LineCounts& counts = figures.steps[i];
    if (counts.sum() != 0) {
      const absl::Time begin = figures.first_step + figures.step * static_cast<int64_t>(i);
      svg += StackedBar(counts, kLeft + pitch * (static_cast<double>(i) + 0.1), pitch * 0.8, top,
                        fmt::format("{} to {}: {}", ClockText(begin, zone),
                                    ClockText(begin + figures.step, zone), CountsText(counts)));
    }
  }
  svg += Markup("</svg>\n");
  return svg;
}

Html CountBar(const LineCounts& counts, uint64_t most) {
  Html svg = Markup(
      "<svg class=\"row\" viewBox=\"0 0 {} 10\" preserveAspectRatio=\"none\" "
      "aria-hidden=\"true\">",
      kRowWidth);
  double x = 0;
  for (const LineKind& kind : kLineKinds) {
    const double width = kRowWidth * static_cast<double>(counts.*kind.count) /
                         static_cast<double>(std::max<uint64_t>(most, 1));
    if (width > 0) {
      svg += Markup("<rect class=\"{}\" x=\"{:.1f}\" width=\"{:.1f}\" height=\"10\"/>", kind.style,
                    x, width);
    }
    x += width;
  }
  svg += Markup("</svg>");
  return svg;
}

Html LifeLine(const PinnedAddress& pin, const TimeSpan& period, const absl::TimeZone& zone) {
  Html svg = Markup(
      "<svg class=\"row\" viewBox=\"0 0 {} 10\" preserveAspectRatio=\"none\" "
      "aria-hidden=\"true\">",
      kRowWidth);
  for (const absl::Time time : RoundTimes(period, 4, zone)) {
    const double x = Part(time, period) * kRowWidth;
    svg += Markup("<line class=\"grid\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"-20\" y2=\"30\"/>", x, x);
  }
  for (const TimeSpan& life : pin.lives) {
    const double x = Part(life.begin, period) * kRowWidth;
    const double width = std::max(Part(life.end, period) * kRowWidth - x, 1.5);
    svg += Markup(
        "<rect class=\"pinned\" x=\"{:.1f}\" width=\"{:.1f}\" height=\"10\"><title>{} to "
        "{}</title></rect>",
        std::min(x, kRowWidth - width), width, ClockText(life.begin, zone),
        ClockText(life.end, zone));
  }
  if (pin.revoked && !pin.lives.empty()) {
    const double x = std::clamp(Part(pin.lives.back().end, period) * kRowWidth, 2.0, kRowWidth);
    svg +=
        Markup("<rect class=\"revoked\" x=\"{:.1f}\" y=\"-2\" width=\"4\" height=\"14\"/>", x - 2);
  }
  svg += Markup("</svg>");
  return svg;
}

Html LifeScale(const TimeSpan& period, const absl::TimeZone& zone) {
  Html marks;
  for (const absl::Time time : RoundTimes(period, 4, zone)) {
    marks += Markup("<span style=\"left:{:.1f}%\">{}</span>", Part(time, period) * 100,
                    ClockText(time, zone));
  }
  return Markup("<span class=\"scale\">{}</span>", marks);
}

std::string ClockText(absl::Time time, const absl::TimeZone& zone) {
  const absl::CivilSecond clock = zone.At(time).cs;
  const bool midnight = clock.hour() == 0 && clock.minute() == 0;
  return absl::FormatTime(midnight ? "%a %e" : "%H:%M", time, zone);
}

std::string DurationText(absl::Duration duration) {
  const int64_t seconds = absl::ToInt64Seconds(duration);
  const int64_t hours = seconds / 3600;
  const int64_t minutes = seconds / 60 % 60;
  std::string text;
  const auto add = [&text](int64_t number, const char* unit) {
    if (number != 0) {
      text += fmt::format("{}{} {}", text.empty() ? "" : " ", number, unit);
    }
  };
  add(hours, "h");
  add(minutes, "min");
  if (hours == 0) {
    add(seconds % 60, "s");
  }
  return text.empty() ? "0 s" : text;
}

}  // namespace dnspin
