#pragma once
// Knows: how a rule spells the names it is about (design.md 3). Touches nothing.

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "pinning/name.h"

namespace dnspin {

struct HostPattern {
  enum class Kind : uint8_t {
    kName,   // example.com: that name
    kZone,   // .example.com: it and everything below
    kBelow,  // *.example.com: below it only, one label or more
    kRegex,  // ~REGEX: RE2, anchored, on the lower-case name without final dot
  };
  Kind kind = Kind::kName;
  Name name;          // for all but kRegex
  std::string regex;  // for kRegex, without the `~`

  std::string Text() const;
  // What Text() says so; nothing for anything else.
  static std::optional<HostPattern> FromText(std::string_view text);
  auto operator<=>(const HostPattern&) const = default;
};

}  // namespace dnspin
