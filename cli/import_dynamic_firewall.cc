#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/import.h"
#include "config/client_file.h"
#include "config/text_file.h"
#include "config/words.h"

namespace dnspin {
namespace {

constexpr size_t kClientsMax = 250;  // each needs an address of nobody's until it has its own

constexpr std::string_view kEnding =
    "\n# dynamic-firewall let these through as well:\n"
    "# accept specialtarget=dns\n"
    "# accept proto=icmp\n";

bool IsItsOwn(std::string_view profile) {
  constexpr std::array<std::string_view, 6> kProfiles{"fastly",    "github", "google",
                                                      "wikipedia", "pypi",   "youtube"};
  return std::ranges::find(kProfiles, profile) != kProfiles.end();
}

}  // namespace

std::vector<Imported> ImportDynamicFirewall(const std::string& source, std::string_view text,
                                            const ImportTerms& terms) {
  std::vector<Imported> all;
  std::vector<Imported::Said> lost;
  size_t number = 0;
  for (const std::string_view line : SplitLines(text)) {
    ++number;
    const auto words = SplitWords(line);
    if (words.empty()) {
      continue;
    }
    const auto known = std::ranges::find(all, words[0], &Imported::client);
    if (!IsFileName(words[0]) || (known == all.end() && all.size() == kClientsMax)) {
      lost.push_back({number, fmt::format("not carried over: client '{}'", words[0])});
      continue;
    }
    Imported& imported = known == all.end() ? all.emplace_back(source, terms) : *known;
    imported.client = words[0];
    imported.ending = kEnding;
    for (size_t i = 1; i < words.size(); ++i) {
      imported.Use(number, words[i]);
      if (IsFileName(words[i]) && !IsItsOwn(words[i])) {
        imported.Note(number, fmt::format("profiles.d needs '{}', with names", words[i]));
      }
    }
  }
  for (Imported& imported : all) {
    for (const Imported::Said& said : lost) {
      imported.Note(said.line, said.text);
    }
  }
  return all;
}

}  // namespace dnspin
