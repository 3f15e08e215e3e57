// Any octets are read as each format of `dnspin import`. What must hold of each client in it:
//  - its file passes dnspin's own parser, with its addresses or as a profile;
//  - the file has as many rules as were counted, and profiles beside them;
//  - only a list of rules accepts what is no host, or names no service;
//  - no accepted pattern covers a public suffix, and none matches any stranger;
//  - what is said is printable.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cli/import.h"
#include "config/client_file.h"
#include "config/public_suffix.h"
#include "pinning/check.h"

namespace dnspin {
namespace {

bool IsPrintable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

void CheckAccept(const Rule& rule, bool list_of_rules) {
  DNSPIN_CHECK(list_of_rules || (rule.host && rule.service.ports));
  if (rule.host && rule.host->kind != HostPattern::Kind::kRegex) {
    DNSPIN_CHECK(SuffixKind(rule.host->name) != Suffix::kIcann);
  }
}

void CheckFile(const Imported& imported, FileKind kind, bool list_of_rules) {
  std::vector<Diagnostic> said;
  const ClientFile file = ReadClientFile(kind, "fuzz", "fuzz", imported.Text(), said);
  DNSPIN_CHECK(!HasErrors(said));
  size_t rules = 0;
  for (const auto& item : file.rules) {
    if (const auto* rule = std::get_if<Rule>(&item.value)) {
      ++rules;
      if (rule->action == Action::kAccept) {
        CheckAccept(*rule, list_of_rules);
      }
    }
  }
  DNSPIN_CHECK(rules == imported.rule_count());
  DNSPIN_CHECK(std::ranges::none_of(said, [](const Diagnostic& one) {
    return one.message.starts_with("strangers' names match");
  }));
}

void CheckClient(Imported imported, bool list_of_rules, bool uses_profiles) {
  for (const auto& [line, text] : imported.said()) {
    DNSPIN_CHECK(line >= 1 && IsPrintable(text));
  }
  CheckFile(imported, FileKind::kClient, list_of_rules);
  imported.is_profile = true;
  if (!uses_profiles) {
    CheckFile(imported, FileKind::kProfile, list_of_rules);
  }
}

}  // namespace
}  // namespace dnspin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace dnspin;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const std::string first_line(
      text.substr(0, text.find('\n')));  // a file's name is a stranger's too
  CheckClient(ImportHosts("fuzz", text, {}), false, false);
  CheckClient(ImportDnsmasq("fuzz", text, {}), false, false);
  CheckClient(ImportQvmFirewall(first_line, text, {}), true, false);
  for (const bool block : {false, true}) {
    ImportTerms terms;
    terms.block = block;
    CheckClient(ImportTinyproxy(first_line, text, terms), false, false);
  }
  for (const Imported& imported : ImportDynamicFirewall("fuzz", text, {})) {
    CheckClient(imported, false, true);
  }
  return 0;
}
