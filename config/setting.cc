#include "config/setting.h"

#include <fmt/format.h>

namespace dnspin {

std::optional<std::string_view> SettingReport::Text(const Setting& setting,
                                                    std::string_view wanted) {
  const auto* text = std::get_if<std::string>(&setting.value);
  if (text == nullptr) {
    Unwanted(setting, wanted);
    return std::nullopt;
  }
  return *text;
}

std::optional<int64_t> SettingReport::Number(const Setting& setting, int64_t min, int64_t max) {
  const std::string wanted = fmt::format("a number from {} to {}", min, max);
  const auto* number = std::get_if<int64_t>(&setting.value);
  if (number == nullptr) {
    Unwanted(setting, wanted);
    return std::nullopt;
  }
  if (*number < min || *number > max) {
    Error(setting, wanted + " is wanted here, not", std::to_string(*number));
    return std::nullopt;
  }
  return *number;
}

std::optional<bool> SettingReport::Flag(const Setting& setting) {
  const auto* flag = std::get_if<bool>(&setting.value);
  if (flag == nullptr) {
    Unwanted(setting, "true or false");
    return std::nullopt;
  }
  return *flag;
}

const Setting::List& SettingReport::Items(const Setting& setting, size_t most) {
  static const Setting::List kNone;
  const auto* items = std::get_if<Setting::List>(&setting.value);
  if (items == nullptr) {
    Unwanted(setting, "a list");
    return kNone;
  }
  if (items->size() > most) {
    Error(setting, fmt::format("a list of more than {} values", most));
    return kNone;
  }
  return *items;
}

void SettingReport::Error(Place place, std::string message, std::string_view word,
                          std::string suggestion) {
  diagnostics_.push_back({path_, place.line, place.column, Severity::kError, std::move(message),
                          std::string(word), std::move(suggestion)});
}

void SettingReport::Adopt(const Setting& setting, std::vector<Diagnostic> said) {
  for (Diagnostic& one : said) {
    one.line = setting.place.line;
    one.column = setting.place.column;
    diagnostics_.push_back(std::move(one));
  }
}

void SettingReport::Unwanted(const Setting& setting, std::string_view wanted) {
  Error(setting, fmt::format("{} is wanted here, not {}", wanted, setting.kind));
}

}  // namespace dnspin
