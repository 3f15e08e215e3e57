// Any octets are read as a client file, as a profile, and line by line as rules. What must hold:
//  - a line is a rule, or something is wrong with it, or it says nothing: never two of these;
//  - the rule's own text reads back as the same rule, judged again or not;
//  - all rules together travel in a policy document;
//  - an accept of everything was written as one: no host or address was lost on the way;
//  - no accepted pattern covers a public suffix.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/client_file.h"
#include "config/policy_document.h"
#include "config/public_suffix.h"
#include "config/rule_text.h"
#include "config/text_file.h"
#include "config/words.h"
#include "pinning/check.h"

namespace dnspin {
namespace {

std::optional<Rule> Read(std::string_view line, Author author, bool& failed) {
  static const std::string kFile = "fuzz";
  std::vector<Diagnostic> said;
  LineReport report(kFile, 1, line, said);
  auto rule = ReadRule(line, author, report, {&kAddressesFile, 1});
  failed = HasErrors(said);
  for (const Diagnostic& one : said) {
    const std::string text = one.Text();
    DNSPIN_CHECK(
        std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }));
    DNSPIN_CHECK(one.column >= 1 && one.column <= line.size() + 1);
  }
  return rule;
}

void CheckReadsBack(const Rule& rule) {
  std::string text = rule.Text();
  if (rule.expire) {
    text += " expire=" + std::to_string(*rule.expire);
  }
  for (const Author author : {Author::kPeople, Author::kOurselves}) {
    bool failed = false;
    const auto again = Read(text, author, failed);
    DNSPIN_CHECK(again && *again == rule && again->Text() == rule.Text());
  }
}

// An oracle that knows nothing of the reader: where a rule has no destination, no word was one.
void CheckNothingWasLost(std::string_view line, const Rule& rule) {
  if (rule.host || rule.destination || rule.networks) {
    return;
  }
  constexpr std::array<std::string_view, 7> kNoDestination{
      "action=", "proto=", "dstports=", "icmptype=", "specialtarget=", "expire=", "comment="};
  for (const std::string_view word : SplitWords(line)) {
    DNSPIN_CHECK(word == "accept" || word == "drop" ||
                 std::any_of(kNoDestination.begin(), kNoDestination.end(),
                             [&](std::string_view key) { return word.starts_with(key); }));
  }
}

void CheckRule(std::string_view line, Policy& policy) {
  bool failed = false;
  const auto rule = Read(line, Author::kPeople, failed);
  DNSPIN_CHECK(!(rule && failed));
  DNSPIN_CHECK(rule || failed || SplitWords(line).empty());
  if (!rule) {
    return;
  }
  CheckReadsBack(*rule);
  CheckNothingWasLost(line, *rule);
  if (rule->host && rule->host->kind != HostPattern::Kind::kRegex) {
    DNSPIN_CHECK(rule->host->name.IsHost());
    DNSPIN_CHECK(SuffixKind(rule->host->name) != Suffix::kIcann);
  }
  DNSPIN_CHECK(!rule->networks || (rule->action == Action::kAccept && !rule->host &&
                                   !rule->destination && !rule->dns_target));
  policy.rules.push_back(*rule);
}

void CheckFile(FileKind kind, std::string_view text) {
  std::vector<Diagnostic> said;
  const ClientFile file = ReadClientFile(kind, "fuzz", "fuzz", text, said);
  for (const auto& item : file.rules) {
    if (const auto* rule = std::get_if<Rule>(&item.value)) {
      DNSPIN_CHECK(item.line >= 1 && rule->origin.Text() == "fuzz:" + std::to_string(item.line));
    }
  }
  DNSPIN_CHECK(kind == FileKind::kProfile || HasErrors(said) || !file.addresses.empty());
  DNSPIN_CHECK(kind == FileKind::kClient || file.addresses.empty());
}

}  // namespace
}  // namespace dnspin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  dnspin::Policy policy;
  for (const std::string_view line : dnspin::SplitLines(text)) {
    dnspin::CheckRule(line, policy);
  }
  const auto travelled = dnspin::ReadPolicyDocument(dnspin::PolicyDocument(policy));
  DNSPIN_CHECK(travelled.ok() && *travelled == policy);
  dnspin::CheckFile(dnspin::FileKind::kClient, text);
  dnspin::CheckFile(dnspin::FileKind::kProfile, text);
  return 0;
}
