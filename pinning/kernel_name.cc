#include "pinning/kernel_name.h"

#include <algorithm>

namespace dnspin {
namespace {

constexpr size_t kInterfaceOctetsMax = 15;
constexpr size_t kTableOctetsMax = 31;

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool IsMadeOf(std::string_view text, std::string_view further) {
  return std::all_of(text.begin(), text.end(), [further](char c) {
    return IsLetter(c) || (c >= '0' && c <= '9') || further.find(c) != std::string_view::npos;
  });
}

}  // namespace

bool IsInterfacePattern(std::string_view text) {
  const std::string_view prefix = text.ends_with('*') ? text.substr(0, text.size() - 1) : text;
  return !prefix.empty() && text.size() <= kInterfaceOctetsMax && IsMadeOf(prefix, "._-");
}

bool IsInterfaceName(std::string_view text) {
  return IsInterfacePattern(text) && !text.ends_with('*');
}

bool MatchesInterface(std::span<const std::string> patterns, std::string_view interface) {
  return std::any_of(patterns.begin(), patterns.end(), [interface](std::string_view pattern) {
    return pattern.ends_with('*') ? interface.starts_with(pattern.substr(0, pattern.size() - 1))
                                  : interface == pattern;
  });
}

bool IsTableName(std::string_view text) {
  return !text.empty() && text.size() <= kTableOctetsMax && IsLetter(text.front()) &&
         IsMadeOf(text, "_-");
}

}  // namespace dnspin
