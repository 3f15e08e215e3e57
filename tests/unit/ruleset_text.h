#pragma once
// Knows: how the text of a ruleset is taken apart to be looked at. Touches nothing.

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace dnspin {

// Without the rules that only log (client_chain_test).
inline std::string WithoutLogs(const std::string& text) {
  std::string lines;
  for (const auto line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    if (!absl::StrContains(line, " log prefix ")) {
      absl::StrAppend(&lines, line, "\n");
    }
  }
  return lines;
}

// The lines of a text that are about one table, without it.
inline std::string About(const std::string& text, const std::string& table) {
  std::string lines;
  const std::string rules = WithoutLogs(text);
  for (const auto part : absl::StrSplit(rules, '\n', absl::SkipEmpty())) {
    std::string line(part);
    const size_t place = line.find(" " + table + " ");
    if (place != std::string::npos) {
      lines += line.erase(place, table.size() + 1) + "\n";
    }
  }
  return lines;
}

}  // namespace dnspin
