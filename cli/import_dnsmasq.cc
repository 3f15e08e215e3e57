#include <fmt/format.h>

#include <array>
#include <string>
#include <vector>

#include "cli/import.h"
#include "config/text_file.h"

namespace dnspin {
namespace {

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const size_t from = text.find_first_not_of(kBlanks);
  return from == std::string_view::npos
             ? std::string_view()
             : text.substr(from, text.find_last_not_of(kBlanks) + 1 - from);
}

struct Line {
  size_t number;
  std::string_view key;
  std::vector<std::string_view> domains;  // between slashes
  std::string_view target;                // behind the last
};

// "nftset=/example.com/example.org/4#inet#fw#set"
Line ReadLine(size_t number, std::string_view text) {
  const size_t equals = std::min(text.find('='), text.size());
  Line line{number, Trimmed(text.substr(0, equals)), {}, {}};
  std::string_view value = equals == text.size() ? std::string_view() : text.substr(equals + 1);
  value = Trimmed(value);
  if (!value.starts_with('/')) {
    return line;
  }
  value.remove_prefix(1);
  for (size_t slash = value.find('/'); slash != std::string_view::npos; slash = value.find('/')) {
    line.domains.push_back(value.substr(0, slash));
    value.remove_prefix(slash + 1);
  }
  line.target = value;
  return line;
}

bool FillsSets(const Line& line) { return line.key == "nftset" || line.key == "ipset"; }

// `address=/ads.example/`, `.../0.0.0.0`, `.../#`: answered with nothing to reach.
bool Blocks(const Line& line) {
  return line.key == "address" && (line.target.empty() || line.target == "0.0.0.0" ||
                                   line.target == "::" || line.target == "#");
}

void AddDomains(const Line& line, Action action, Imported& imported) {
  if (line.domains.empty()) {
    imported.NotCarriedOver(line.number, fmt::format("'{}' without domains", line.key));
  }
  for (std::string_view domain : line.domains) {
    if (domain == "#" || domain.empty()) {
      imported.NotCarriedOver(line.number, fmt::format("every name: '/{}/'", domain));
      continue;
    }
    if (domain.starts_with("*.")) {  // which it takes for the same
      domain.remove_prefix(2);
    } else if (domain.starts_with('.')) {
      domain.remove_prefix(1);
    }
    imported.AddHost(line.number, action, "." + std::string(domain));
  }
}

}  // namespace

Imported ImportDnsmasq(const std::string& source, std::string_view text, const ImportTerms& terms) {
  Imported imported(source, terms);
  std::vector<Line> lines;
  size_t number = 0;
  for (const std::string_view whole : SplitLines(text)) {
    ++number;
    const std::string_view line = Trimmed(whole);
    if (!line.empty() && !line.starts_with('#')) {
      lines.push_back(ReadLine(number, line));
    }
  }
  for (const Line& line : lines) {  // first, as there: what is refused is in no set
    if (Blocks(line)) {
      AddDomains(line, Action::kDrop, imported);
    }
  }
  for (const Line& line : lines) {
    if (FillsSets(line)) {
      AddDomains(line, Action::kAccept, imported);
    } else if (!Blocks(line)) {
      imported.NotCarriedOver(line.number, fmt::format("'{}' fills no set", line.key));
    }
  }
  return imported;
}

}  // namespace dnspin
