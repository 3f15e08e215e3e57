#pragma once
// Knows: how rows look to a person, on a terminal in colour. Touches nothing.

#include <string>
#include <string_view>
#include <vector>

namespace dnspin {

enum class Colour : uint8_t { kNone, kGood, kBad, kNote, kHead };

struct Cell {
  Cell(std::string_view cell_text, Colour cell_colour = Colour::kNone);      // NOLINT(*-explicit-*)
  Cell(const std::string& cell_text) : Cell(std::string_view(cell_text)) {}  // NOLINT(*-explicit-*)
  Cell(const char* cell_text) : Cell(std::string_view(cell_text)) {}         // NOLINT(*-explicit-*)

  std::string text;  // Harmless()
  Colour colour;
};

using Row = std::vector<Cell>;

// Columns are as wide as their widest cell.
std::string TableText(const std::vector<Row>& rows, bool colours);

// The same with a head above, which stands there without rows too.
std::string TableText(const std::vector<std::string_view>& head, std::vector<Row> rows,
                      bool colours);

std::string Coloured(std::string_view text, Colour colour, bool colours);

// Whatever stands in it: each octet outside printable ASCII is `\DDD`, so that a terminal obeys
// none.
std::string Harmless(std::string_view untrusted);

}  // namespace dnspin
