#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/import.h"
#include "cli/tinyproxy_pattern.h"
#include "config/client_file.h"
#include "config/text_file.h"

namespace dnspin {
namespace {

// What tinyproxy itself reads of a line: up to the first blank or comment.
std::string_view Expression(std::string_view line) {
  const size_t from = std::min(line.find_first_not_of(" \t"), line.size());
  line.remove_prefix(from);
  for (size_t i = 0; i < line.size(); ++i) {
    const bool comment = line[i] == '#' && (i == 0 || line[i - 1] != '\\');
    if (comment || line[i] == ' ' || line[i] == '\t') {
      return line.substr(0, i);
    }
  }
  return line;
}

std::vector<std::string> Parts(const std::string& name) {
  std::vector<std::string> parts(1);
  for (const char c : name) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// NAME.IP...: "work.10.137.0.25", "work.10.137.0.25.fd09::1". What is neither is left out.
void ReadFileName(const std::string& file_name, Imported& imported) {
  const auto parts = Parts(file_name);
  std::string name;
  for (size_t i = 0; i < parts.size(); ++i) {
    std::string four = parts[i];
    for (size_t j = i + 1; j < std::min(i + 4, parts.size()); ++j) {
      four += "." + parts[j];
    }
    const auto ipv4 = Address::Parse(four);
    const auto address = ipv4 ? ipv4 : Address::Parse(parts[i]);
    if (address && imported.addresses.size() < kClientAddressesMax) {
      imported.addresses.push_back(*address);
      i += ipv4 && ipv4->family() == Family::kIpv4 ? 3 : 0;
    } else if (imported.addresses.empty()) {
      name += (name.empty() ? "" : ".") + parts[i];
    }
  }
  imported.client = IsFileName(name) ? name : "";
  std::vector<Diagnostic> said;  // an address twice, or one that no client can have
  const std::string whole = imported.Text();
  ReadClientFile(FileKind::kClient, file_name, file_name, whole, said);
  if (HasErrors(said)) {
    imported.addresses.clear();
  }
}

}  // namespace

Imported ImportTinyproxy(const std::string& source, std::string_view text,
                         const ImportTerms& terms) {
  Imported imported(source, terms);
  ReadFileName(std::filesystem::path(source).filename().string(), imported);
  size_t number = 0;
  for (const std::string_view line : SplitLines(text)) {
    ++number;
    const std::string_view expression = Expression(line);
    if (expression.empty()) {
      continue;
    }
    for (const TinyproxyPattern& pattern : ReadTinyproxyPatterns(expression)) {
      bool taken = false;
      for (const std::string& host : pattern.hosts) {
        const Action action = terms.block ? Action::kDrop : Action::kAccept;
        taken = imported.AddHost(number, action, host) || taken;
      }
      if (taken && !pattern.note.empty()) {
        imported.Note(number, fmt::format("'{}': {}", expression, pattern.note));
      }
    }
  }
  if (terms.block) {
    imported.LimitDroppedNames();
    imported.ending = "\n# Whatever the list does not name passed: `accept` here would open it.\n";
  }
  return imported;
}

}  // namespace dnspin
