#pragma once
// Knows: how one nft command reads. Pure text; what goes in is checked or made by us, since nft has
// no way to quote a word.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "nft/refresh_way.h"
#include "nft/table_view.h"
#include "pinning/address.h"
#include "pinning/pin.h"

namespace dnspin {

// Appends commands about one table of one family to a text.
class CommandText {
 public:
  CommandText(std::string& text, Family family, std::string_view table);

  Family family() const { return family_; }
  std::string_view ip() const;        // `ip`, `ip6`
  std::string_view key_type() const;  // `ipv4_addr`, `ipv6_addr`

  // `verb` is "add rule", "flush set", ...; `rest` is what follows the table.
  void Put(std::string_view verb, std::string_view rest);
  void PutTable(std::string_view verb);  // "add", "delete"

  // `rules` become our rules in a chain that others may have rules in too: they stand where our
  // first old one stood, so that others' keep their side of them, else at the end.
  void PutSharedRules(std::string_view chain, std::span<const std::string> rules,
                      const TableView& view);

 private:
  std::string& text_;
  Family family_;
  std::string place_;
};

// As many commands as it takes.
void PutElements(CommandText& commands, std::string_view verb, std::string_view set,
                 std::span<const std::string> elements);

// The elements of this family are there afterwards, living as long as they say.
void PutPins(CommandText& commands, std::span<const PinElement> pins, RefreshWay way);

// An element that is not to be there, whether it is or not.
struct GonePin {
  std::string set;
  Address address;
  bool operator==(const GonePin&) const = default;
};
void PutGonePins(CommandText& commands, std::span<const GonePin> gone);

// One address that a drop rule's name resolves to; it has no timeout.
struct DropElement {
  uint32_t group = 0;  // PinGroup::number
  Address address;
  std::string comment;  // its names, with spaces between
  auto operator<=>(const DropElement&) const = default;
};

// The set holds these and no others, from one instant to the next.
void PutDrops(CommandText& commands, const std::string& set, std::span<const DropElement> drops);

}  // namespace dnspin
