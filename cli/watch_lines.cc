#include "cli/watch_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace dnspin {
namespace {

constexpr int64_t kUsualLife = 330;  // s, of a pin; bars are as long at least
constexpr size_t kBarColumns = 20;

std::string Clock(int64_t unix_time) {
  const time_t seconds = unix_time;
  std::tm local{};
  localtime_r(&seconds, &local);
  return fmt::format("{:02}:{:02}:{:02}", local.tm_hour, local.tm_min, local.tm_sec);
}

Colour ColourOf(const std::string& kind) {
  return kind == "pinned"                         ? Colour::kGood
         : kind == "answered"                     ? Colour::kNote
         : kind == "refused" || kind == "blocked" ? Colour::kBad
                                                  : Colour::kNone;
}

Row Header(const WatchState& state) {
  Row row = {{state.client.empty() ? "all clients" : state.client, Colour::kHead},
             {fmt::format("  {} questions/s  {} refused/s  {} upstream/s", state.questions,
                          state.refused, state.upstream)}};
  if (state.lost > 0) {
    row.push_back({fmt::format("  {} went by unseen", state.lost), Colour::kNote});
  }
  row.push_back({state.trouble.empty() ? "  q quits" : "  " + state.trouble,
                 state.trouble.empty() ? Colour::kNone : Colour::kBad});
  return row;
}

std::vector<Row> PinRows(const WatchState& state, size_t count) {
  const int64_t most =
      state.pins.empty() ? kUsualLife : std::max(kUsualLife, state.pins.front().left_s);
  size_t widest = 0;
  for (size_t i = 0; i < count; ++i) {
    widest = std::max(widest, state.pins[i].address.size());
  }
  std::vector<Row> rows;
  for (size_t i = 0; i < count; ++i) {
    const WatchPin& pin = state.pins[i];
    const Colour colour = pin.left_s < 30 ? Colour::kNote : Colour::kGood;
    rows.push_back({{BarText(pin.left_s, most, kBarColumns), colour},
                    {fmt::format(" {:>5}s  {:<{}}  {}  {} {}", pin.left_s, pin.address, widest,
                                 pin.name, pin.client, pin.service)}});
  }
  return rows;
}

void Cut(Row& row, size_t columns) {
  for (Cell& cell : row) {
    cell.text.resize(std::min(cell.text.size(), columns));
    columns -= cell.text.size();
  }
}

}  // namespace

Row EventLine(const WatchEvent& event) {
  std::string rest = fmt::format(" {} {} {}", event.client, event.name, event.type);
  if (!event.addresses.empty()) {
    rest += " " + event.addresses;
  }
  if (!event.rule.empty()) {
    rest += fmt::format(" ({})", event.rule);
  }
  return {{Clock(event.at) + " "}, {event.kind, ColourOf(event.kind)}, {rest}};
}

std::string BarText(int64_t left_s, int64_t most_s, size_t columns) {
  const int64_t all = std::max<int64_t>(1, most_s);
  const int64_t part = std::clamp<int64_t>(left_s, 0, all);
  const auto full = static_cast<size_t>((part * static_cast<int64_t>(columns) + all - 1) / all);
  return "[" + std::string(full, '#') + std::string(columns - full, '.') + "]";
}

std::vector<Row> WatchScreen(const WatchState& state, ScreenSize size) {
  std::vector<Row> rows = {Header(state)};
  const size_t room = size.rows > 3 ? size.rows - 3 : 0;  // header, two titles
  const size_t pins = std::min(state.pins.size(), room / 2);
  const size_t events = std::min(state.events.size(), room - pins);
  if (room > 0) {
    rows.push_back({{fmt::format("Open: {} pins", state.pins.size()), Colour::kHead}});
    std::vector<Row> open = PinRows(state, pins);
    std::move(open.begin(), open.end(), std::back_inserter(rows));
    rows.push_back({{"Asked", Colour::kHead}});
  }
  for (size_t i = state.events.size() - events; i < state.events.size(); ++i) {
    rows.push_back(EventLine(state.events[i]));
  }
  rows.resize(std::min(rows.size(), size.rows));
  for (Row& row : rows) {
    Cut(row, size.columns);
  }
  return rows;
}

}  // namespace dnspin
