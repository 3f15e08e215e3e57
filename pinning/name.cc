#include "pinning/name.h"

#include <algorithm>
#include <array>

namespace dnspin {
namespace {

constexpr size_t kLabelOctetsMax = 63;

constexpr char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

constexpr std::array<bool, 256> kHostOctets = [] {
  std::array<bool, 256> host{};
  for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyz0123456789-_")) {
    host[static_cast<uint8_t>(c)] = true;
  }
  return host;
}();

bool IsHostOctet(char c) { return kHostOctets[static_cast<uint8_t>(c)]; }

size_t LabelLength(std::string_view wire, size_t at) { return static_cast<uint8_t>(wire[at]); }

void AppendEscaped(std::string& out, char c) {
  const auto octet = static_cast<uint8_t>(c);
  out += '\\';
  out += static_cast<char>('0' + octet / 100);
  out += static_cast<char>('0' + octet / 10 % 10);
  out += static_cast<char>('0' + octet % 10);
}

}  // namespace

std::optional<Name> Name::FromWire(std::span<const uint8_t> wire) {
  return FromWire(std::string_view(reinterpret_cast<const char*>(wire.data()), wire.size()));
}

std::optional<Name> Name::FromWire(std::string_view wire) {
  if (wire.empty() || wire.size() > kOctetsMax) {
    return std::nullopt;
  }
  size_t at = 0;
  while (LabelLength(wire, at) != 0) {
    const size_t length = LabelLength(wire, at);
    at += 1 + length;
    if (length > kLabelOctetsMax || at >= wire.size()) {
      return std::nullopt;
    }
  }
  if (at + 1 != wire.size()) {
    return std::nullopt;
  }
  std::array<char, kOctetsMax> lower;
  // Length octets are at most 63, below every letter: lowering all octets is lowering the labels.
  std::transform(wire.begin(), wire.end(), lower.begin(), Lower);
  return Name(std::string_view(lower.data(), wire.size()));
}

std::optional<Name> Name::FromHost(std::string_view text) {
  if (text.ends_with('.')) {
    text.remove_suffix(1);
  }
  if (text.empty() || text.size() > kOctetsMax - 2) {
    return std::nullopt;
  }
  std::string wire;
  wire.reserve(text.size() + 2);
  for (size_t from = 0; from <= text.size();) {
    const size_t dot = std::min(text.find('.', from), text.size());
    const size_t length = dot - from;
    if (length == 0 || length > kLabelOctetsMax) {
      return std::nullopt;
    }
    wire += static_cast<char>(length);
    for (const char c : text.substr(from, length)) {
      if (!IsHostOctet(Lower(c))) {
        return std::nullopt;
      }
      wire += Lower(c);
    }
    from = dot + 1;
  }
  wire += '\0';
  return Name(wire);
}

std::string Name::Text() const {
  if (IsRoot()) {
    return ".";
  }
  const std::string_view wire = Wire();
  std::string text;
  text.reserve(wire.size());
  for (size_t at = 0; LabelLength(wire, at) != 0; at += 1 + LabelLength(wire, at)) {
    if (at != 0) {
      text += '.';
    }
    const std::string_view label = wire.substr(at + 1, LabelLength(wire, at));
    if (std::all_of(label.begin(), label.end(), IsHostOctet)) {
      text += label;
      continue;
    }
    for (const char c : label) {
      if (IsHostOctet(c)) {
        text += c;
      } else {
        AppendEscaped(text, c);
      }
    }
  }
  return text;
}

bool Name::IsHost() const {
  if (IsRoot()) {
    return false;
  }
  const std::string_view wire = Wire();
  bool is_host = true;
  for (size_t at = 0; LabelLength(wire, at) != 0; at += 1 + LabelLength(wire, at)) {
    for (const char c : wire.substr(at + 1, LabelLength(wire, at))) {
      is_host &= IsHostOctet(c);  // no branch: almost all names are
    }
  }
  return is_host;
}

bool Name::IsWithin(const Name& zone) const {
  const std::string_view wire = Wire();
  if (!wire.ends_with(zone.Wire())) {
    return false;
  }
  // The suffix must begin where a label does: "notcdn.test" is not in "cdn.test".
  const size_t start = wire.size() - zone.Wire().size();
  size_t at = 0;
  while (at < start) {
    at += 1 + LabelLength(wire, at);
  }
  return at == start;
}

Name Name::Parent() const {
  return IsRoot() ? *this : Name(Wire().substr(1 + LabelLength(Wire(), 0)));
}

size_t Name::LabelCount() const {
  const std::string_view wire = Wire();
  size_t count = 0;
  for (size_t at = 0; LabelLength(wire, at) != 0; at += 1 + LabelLength(wire, at)) {
    ++count;
  }
  return count;
}

std::string Escaped(std::string_view untrusted, size_t length_max) {
  std::string text;
  for (const char c : untrusted.substr(0, length_max)) {
    if (c < ' ' || c > '~' || c == '\\') {
      AppendEscaped(text, c);
    } else {
      text += c;
    }
  }
  return untrusted.size() > length_max ? text + "..." : text;
}

}  // namespace dnspin
