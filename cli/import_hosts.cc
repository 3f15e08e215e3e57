#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/import.h"
#include "config/text_file.h"
#include "config/words.h"
#include "pinning/special_address.h"

namespace dnspin {
namespace {

// What every hosts file begins with.
bool IsOfThisMachine(std::string_view name) {
  constexpr std::array<std::string_view, 5> kNames{"localhost", "localhost.localdomain", "local",
                                                   "broadcasthost", "0.0.0.0"};
  return std::ranges::find(kNames, name) != kNames.end() || name.starts_with("ip6-");
}

}  // namespace

Imported ImportHosts(const std::string& source, std::string_view text, const ImportTerms& terms) {
  Imported imported(source, terms);
  size_t number = 0;
  for (const std::string_view line : SplitLines(text)) {
    ++number;
    const auto words = SplitWords(line);
    if (words.empty()) {
      continue;
    }
    const auto address = Address::Parse(words[0]);
    if (!address || words.size() == 1) {
      imported.NotCarriedOver(number, fmt::format("no address and name: '{}'", line));
    } else if (KindOf(*address) != AddressKind::kNever) {
      imported.NotCarriedOver(number,
                              fmt::format("an address for a name, which DNS has: '{}'", line));
    } else {
      for (size_t i = 1; i < words.size(); ++i) {
        if (IsOfThisMachine(words[i])) {
          imported.NotCarriedOver(number, fmt::format("this machine itself: '{}'", words[i]));
        } else {
          imported.AddHost(number, Action::kDrop, words[i]);
        }
      }
    }
  }
  imported.LimitDroppedNames();
  return imported;
}

}  // namespace dnspin
