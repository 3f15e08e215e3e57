#include "config/qubesdb_rules.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "config/rule_fields.h"
#include "config/rule_text.h"
#include "config/words.h"

namespace dnspin {
namespace {

constexpr std::string_view kPolicy = "policy";
constexpr size_t kNumberDigitsMin = 4;
constexpr uint32_t kNumberMax = 9999;
// What dom0 writes; `expire` and `comment` stay there.
constexpr std::array<std::string_view, 8> kKeys{
    "action=", "dst4=", "dst6=", "dsthost=", "proto=", "specialtarget=", "dstports=", "icmptype="};

std::optional<uint32_t> NumberOf(std::string_view entry) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(entry.data(), entry.data() + entry.size(), number);
  const bool whole = error == std::errc() && end == entry.data() + entry.size();
  return whole && entry.size() == kNumberDigitsMin && number <= kNumberMax ? std::optional(number)
                                                                           : std::nullopt;
}

// True if the line is made of `key=value` words of dom0's and nothing else.
bool IsInForm(std::string_view line, LineReport& report) {
  for (const std::string_view word : SplitWords(line)) {
    if (std::none_of(kKeys.begin(), kKeys.end(),
                     [&](std::string_view key) { return word.starts_with(key); })) {
      report.Error(word, "no option of a rule of dom0's:");
    }
  }
  if (!report.failed() && SplitWords(line).empty()) {
    report.Error(line, "no rule at all");
  }
  return !report.failed();
}

// As the errors of a file would be, and with them the rule matches nothing.
void WarnInstead(std::vector<Diagnostic> errors, std::vector<Diagnostic>& diagnostics) {
  for (Diagnostic& diagnostic : errors) {
    diagnostic.severity = Severity::kWarning;
    diagnostic.message = "this rule matches nothing: " + diagnostic.message;
    diagnostics.push_back(std::move(diagnostic));
  }
}

// What dom0 lets people write, and files do not: there the plain drop says the same and more.
bool IsRefusalInDns(const Rule& rule) {
  return rule.action == Action::kDrop && rule.host && rule.dns_target && rule.service == Service{};
}

// The line with another host: what is wrong with that is not the fault of the host.
std::string WithAnotherHost(std::string_view line) {
  std::string other;
  for (const std::string_view word : SplitWords(line)) {
    other += word.starts_with("dsthost=") ? "dsthost=any.test " : std::string(word) + " ";
  }
  return other;
}

// As the stock agent has it: what stands for DNS is TCP and UDP, and a
// destination is of the target's family. False if the rule is no rule then.
bool IsSound(const Rule& rule, Family family, LineReport& report, std::string_view line) {
  if (rule.dns_target && rule.service.protocol == Protocol::kIcmp) {
    report.Error(line, "DNS is no ICMP:");
  } else if (rule.destination && rule.destination->address.family() != family) {
    report.Error(line, "a destination of the other family:");
  }
  return !report.failed();
}

// What stands for DNS, with ports that are not DNS' own: the stock agent leaves it out.
bool MatchesNothing(const Rule& rule) {
  return rule.dns_target && rule.service.ports && *rule.service.ports != PortRange{53, 53};
}

void ReadEntry(const std::string& path, Family family, uint32_t number, const std::string& line,
               TargetRules& read) {
  LineReport form(path, 1, line, read.diagnostics);
  if (!IsInForm(line, form)) {
    return;
  }
  std::vector<Diagnostic> spelling;
  LineReport spelt(path, 1, line, spelling);
  if (std::optional<Rule> rule = ReadRule(line, Author::kOurselves, spelt)) {
    LineReport report(path, 1, line, read.diagnostics);
    if (!IsSound(*rule, family, report, line)) {
      return;
    }
    if (MatchesNothing(*rule)) {
      report.Warning(line, "this rule matches nothing: DNS has port 53");
      return;
    }
    std::vector<Diagnostic> sense;
    LineReport sensible(path, 1, line, sense);
    if (ReadRule(line, Author::kPeople, sensible) || IsRefusalInDns(*rule)) {
      std::erase_if(sense, [](const Diagnostic& one) { return one.severity == Severity::kError; });
      read.diagnostics.insert(read.diagnostics.end(), sense.begin(), sense.end());
      rule->origin = {std::make_shared<const std::string>(path), 0};
      rule->prefetch = true;  // as the stock agent resolves them
      read.rules.emplace(number, *std::move(rule));
    } else if (rule->action == Action::kAccept || rule->dns_target) {
      WarnInstead(std::move(sense), read.diagnostics);
    } else {
      read.diagnostics.insert(read.diagnostics.end(), sense.begin(), sense.end());
    }
    return;
  }
  std::vector<Diagnostic> ignored;
  const std::string other = WithAnotherHost(line);
  LineReport report(path, 1, other, ignored);
  const std::optional<Rule> sound = ReadRule(other, Author::kOurselves, report);
  if (sound && sound->action == Action::kAccept) {
    WarnInstead(std::move(spelling), read.diagnostics);
  } else {
    read.diagnostics.insert(read.diagnostics.end(), spelling.begin(), spelling.end());
  }
}

}  // namespace

TargetRules ReadTarget(const std::string& address, const qubesdb::Target& target) {
  TargetRules read;
  const std::string folder = "/qubes-firewall/" + address;
  const Family family = address.find(':') == std::string::npos ? Family::kIpv4 : Family::kIpv6;
  bool policy = false;
  for (const auto& [entry, value] : target) {
    const std::string path = folder + "/" + entry;
    LineReport report(path, 1, value, read.diagnostics);
    if (entry == kPolicy) {
      policy = value == kActions[0] || value == kActions[1];
      read.policy = value == kActions[0] ? Action::kAccept : Action::kDrop;
      if (!policy) {
        report.Error(value, "a policy is accept or drop, not");
      }
    } else if (const auto number = NumberOf(entry)) {
      ReadEntry(path, family, *number, value, read);
    } else {
      report.Error(value, "an entry that is neither the policy nor a rule:");
    }
  }
  if (!policy && !target.contains(std::string(kPolicy))) {
    read.diagnostics.push_back({folder, 1, 1, Severity::kError, "there is no policy", "", ""});
  }
  return read;
}

const TargetRules& TargetReader::Read(const std::string& address, const qubesdb::Target& target) {
  const auto [found, fresh] = known_.try_emplace(address);
  Known& known = found->second;
  if (fresh || known.target != target) {
    known = {target, ReadTarget(address, target)};
  }
  known.used = true;
  return known.rules;
}

void TargetReader::Tidy() {
  std::erase_if(known_, [](const auto& known) { return !known.second.used; });
  for (auto& [address, known] : known_) {
    known.used = false;
  }
}

}  // namespace dnspin
