#include "config/setting_values.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace dnspin {
namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsLetterOrDigit(char c) { return IsLetter(c) || (c >= '0' && c <= '9'); }

bool IsMadeOf(std::string_view text, std::string_view also) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return IsLetterOrDigit(c) || also.find(c) != std::string_view::npos;
  });
}

}  // namespace

std::optional<std::chrono::seconds> ReadDuration(std::string_view text) {
  constexpr int64_t kHoursMax = 1000;
  if (text.size() < 2 || text[0] == '-') {
    return std::nullopt;
  }
  const char unit = text.back();
  const int64_t seconds = unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : 0;
  int64_t number = 0;
  const char* const last = text.data() + text.size() - 1;
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (seconds == 0 || error != std::errc() || end != last || number > kHoursMax * 3600 / seconds) {
    return std::nullopt;
  }
  return std::chrono::seconds(number * seconds);
}

bool IsUserName(std::string_view text) {
  constexpr size_t kOctetsMax = 32;
  return !text.empty() && text.size() <= kOctetsMax && (IsLetter(text[0]) || text[0] == '_') &&
         IsMadeOf(text, "._-");
}

bool IsUid(std::string_view text) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number != 0 &&
         number != UINT32_MAX && text[0] != '0';  // which stand for root and for no change
}

bool IsRunDir(std::string_view text) {
  constexpr size_t kOctetsMax = 90;  // sun_path holds 108 with `/control` behind it
  return text.size() > 1 && text.size() <= kOctetsMax && text[0] == '/' &&
         IsMadeOf(text, "/._-+@") && text.find("/../") == std::string_view::npos &&
         !text.ends_with("/..");
}

}  // namespace dnspin
