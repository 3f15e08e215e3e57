#pragma once
// Knows: one value of a settings file at its place, and what is said about it. Touches nothing.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "config/diagnostic.h"

namespace dnspin {

struct Place {
  size_t line = 1;
  size_t column = 1;
};

struct Setting {
  using List = std::vector<Setting>;
  std::variant<std::monostate, std::string, int64_t, bool, List>
      value;              // monostate: any other kind
  std::string_view kind;  // for messages: "text", "a number", "a list", ...
  Place place;
};

// What is said about one file's settings. Values that are not of the kind asked for are errors.
class SettingReport {
 public:
  SettingReport(const std::string& path, std::vector<Diagnostic>& diagnostics)  // which outlive it
      : path_(path), diagnostics_(diagnostics) {}

  std::optional<std::string_view> Text(const Setting& setting, std::string_view wanted = "text");
  std::optional<int64_t> Number(const Setting& setting, int64_t min, int64_t max);
  std::optional<bool> Flag(const Setting& setting);
  const Setting::List& Items(const Setting& setting, size_t most);

  void Error(Place place, std::string message, std::string_view word = {},
             std::string suggestion = {});
  void Error(const Setting& setting, std::string message, std::string_view word = {},
             std::string suggestion = {}) {
    Error(setting.place, std::move(message), word, std::move(suggestion));
  }
  // What was said about the text of `setting`, where it stands in the file.
  void Adopt(const Setting& setting, std::vector<Diagnostic> said);

  const std::string& path() const { return path_; }

 private:
  void Unwanted(const Setting& setting, std::string_view wanted);

  const std::string& path_;
  std::vector<Diagnostic>& diagnostics_;
};

}  // namespace dnspin
