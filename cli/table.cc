#include "cli/table.h"

#include <fmt/format.h>

#include <algorithm>

namespace dnspin {
namespace {

std::string_view Sequence(Colour colour) {
  switch (colour) {
    case Colour::kNone:
      return {};
    case Colour::kGood:
      return "\x1b[32m";
    case Colour::kBad:
      return "\x1b[31m";
    case Colour::kNote:
      return "\x1b[33m";
    case Colour::kHead:
      return "\x1b[1m";
  }
  return {};
}

}  // namespace

Cell::Cell(std::string_view cell_text, Colour cell_colour)
    : text(Harmless(cell_text)), colour(cell_colour) {}

std::string Coloured(std::string_view text, Colour colour, bool colours) {
  if (!colours || colour == Colour::kNone) {
    return std::string(text);
  }
  return fmt::format("{}{}\x1b[0m", Sequence(colour), text);
}

std::string Harmless(std::string_view untrusted) {
  std::string text;
  text.reserve(untrusted.size());
  for (const char c : untrusted) {
    if (c >= ' ' && c <= '~') {
      text += c;
    } else {
      text += fmt::format("\\{:03}", static_cast<unsigned char>(c));
    }
  }
  return text;
}

std::string TableText(const std::vector<Row>& rows, bool colours) {
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].text.size());
    }
  }
  std::string text;
  for (const Row& row : rows) {
    size_t gap = 0;  // what the cells before leave empty
    for (size_t i = 0; i < row.size(); ++i) {
      if (!row[i].text.empty()) {
        text.append(gap, ' ');
        text += Coloured(row[i].text, row[i].colour, colours);
        gap = 0;
      }
      gap += widths[i] - row[i].text.size() + 2;
    }
    text += "\n";
  }
  return text;
}

std::string TableText(const std::vector<std::string_view>& head, std::vector<Row> rows,
                      bool colours) {
  Row first;
  for (const std::string_view word : head) {
    first.emplace_back(word, Colour::kHead);
  }
  rows.insert(rows.begin(), std::move(first));
  return TableText(rows, colours);
}

}  // namespace dnspin
