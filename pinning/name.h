#pragma once
// Knows: domain names as values. Touches nothing.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "pinning/shared_text.h"

namespace dnspin {

// A domain name in wire form (RFC 1035 3.1), ASCII letters in lower case, final root octet
// included; 1..255 octets. Labels hold any octet: a dot inside a label is not a separator. A copy
// costs nothing.
class Name {
 public:
  static constexpr size_t kOctetsMax = 255;

  Name() = default;  // the root

  // The whole span must be one uncompressed name.
  static std::optional<Name> FromWire(std::span<const uint8_t> wire);
  static std::optional<Name> FromWire(std::string_view wire);

  // A host name as rules spell it: labels of letters, digits, `-` and `_`, a final dot allowed.
  // Nothing for the empty text, an empty label, a label over 63 or a name over 253 characters.
  static std::optional<Name> FromHost(std::string_view text);
  // NOLINTNEXTLINE(bugprone-string-constructor): of the literal's octets the one is its NUL
  std::string_view Wire() const { return IsRoot() ? std::string_view("", 1) : wire_.view(); }

  // For people and logs: `\DDD` for every octet outside [0-9a-z_-], no final dot; the root is ".".
  std::string Text() const;

  // True if every label is made of letters, digits, `-` and `_`: only such names are ever pinned.
  bool IsHost() const;

  bool IsRoot() const { return wire_.empty(); }
  bool IsWithin(const Name& zone) const;  // at or below, by whole labels
  bool IsBelow(const Name& zone) const {
    return Wire().size() > zone.Wire().size() && IsWithin(zone);
  }
  Name Parent() const;        // the root's parent is the root
  size_t LabelCount() const;  // the root has none

  auto operator<=>(const Name&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const Name& name) {
    return H::combine(std::move(h), name.wire_);
  }

 private:
  explicit Name(std::string_view wire) : wire_(wire.size() == 1 ? std::string_view() : wire) {}
  SharedText wire_;  // empty: the root, that there be one
};

// Untrusted text as it may stand in a log line or on a terminal: every octet outside printable
// ASCII, and the backslash, becomes `\DDD`; at most `length_max` octets of it, then "...".
std::string Escaped(std::string_view untrusted, size_t length_max = 256);

}  // namespace dnspin
