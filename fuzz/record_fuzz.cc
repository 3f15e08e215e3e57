// Any JSON is read as dnspind's record of a client. What must hold of what is made of it:
//  - each proposed rule reads back as itself, and is an accept with a destination;
//  - no pattern is proposed for a public suffix, nor a private one;
//  - what is shown is printable, and so are the lines for dom0, whose names a shell takes as words;
//  - where nothing is allowed, a simulation opens nothing.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/record.h"
#include "cli/rule_line.h"
#include "cli/simulation.h"
#include "cli/suggestions.h"
#include "config/public_suffix.h"
#include "config/rule_text.h"
#include "pinning/check.h"

namespace dnspin {
namespace {

void CheckRule(const Rule& rule) {
  static const std::string kFile = "fuzz";
  const std::string line = RuleLine(rule);
  std::vector<Diagnostic> said;
  LineReport report(kFile, 1, line, said);
  const auto again = ReadRule(line, Author::kPeople, report);
  DNSPIN_CHECK(again && *again == rule);
  DNSPIN_CHECK(rule.action == Action::kAccept && (rule.host || rule.destination));
  if (rule.host && rule.host->kind != HostPattern::Kind::kName) {
    DNSPIN_CHECK(rule.host->kind == HostPattern::Kind::kZone);
    DNSPIN_CHECK(SuffixKind(rule.host->name) == Suffix::kNone && rule.host->name.LabelCount() > 1);
  }
}

void CheckSuggestions(const Suggestions& suggestions) {
  for (const SuggestedDomain& domain : suggestions.domains) {
    std::ranges::for_each(domain.rules, CheckRule);
    std::ranges::for_each(domain.exact, CheckRule);
  }
  std::ranges::for_each(suggestions.addresses, CheckRule);
  const auto is_harmless = [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); };
  DNSPIN_CHECK(std::ranges::all_of(suggestions.Text(), is_harmless));
  constexpr std::string_view kOfAShell = "\\'\"$`;&|<>(){}*?~#!";
  DNSPIN_CHECK(suggestions.QvmFirewallText("vm", "").find_first_of(kOfAShell) == std::string::npos);
  suggestions.AsJson().dump(-1, ' ', true);
}

}  // namespace
}  // namespace dnspin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace dnspin;
  const Json reply = Json::parse(bytes, bytes + size, nullptr, /*allow_exceptions=*/false);
  if (reply.is_discarded()) {
    return 0;
  }
  const RecordedClient record = ReadRecord(reply);
  CheckSuggestions(SuggestFor(record));
  Simulate(record, record.rules);
  for (const SimulatedRow& row : Simulate(record, {})) {
    DNSPIN_CHECK(row.change != SimulatedRow::Change::kOpened);
  }
  return 0;
}
