#include "cli/imported.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/rule_line.h"
#include "cli/table.h"
#include "config/client_file.h"
#include "config/host_text.h"
#include "config/public_suffix.h"
#include "config/rule_text.h"
#include "pinning/drop_names.h"
#include "pinning/name_rules.h"

namespace dnspin {
namespace {

constexpr size_t kNotesMax = 1000;  // that the file repeats
constexpr size_t kNoteOctetsMax = 400;
constexpr size_t kProfilesMax = 256;
constexpr size_t kOctetsMax = kRuleFileOctetsMax / 2;  // of rules; the rest is for notes
constexpr size_t kNobodies = 254;                      // addresses in 192.0.2.0/24 (RFC 5737)

std::string Message(const Diagnostic& said) {
  return said.word.empty() ? said.message : fmt::format("{} '{}'", said.message, said.word);
}

// The first of what was said that keeps a rule out; empty: nothing does. A pattern that strangers'
// names match is a warning where people write it themselves.
std::string FaultIn(const std::vector<Diagnostic>& diagnostics) {
  for (const Diagnostic& said : diagnostics) {
    if (said.severity == Severity::kError || said.message.starts_with("strangers' names match")) {
      return Message(said);
    }
  }
  return {};
}

}  // namespace

Imported::Imported(std::string source, ImportTerms terms)
    : source_(std::move(source)), terms_(std::move(terms)) {}

bool Imported::AddHost(size_t line, Action action, std::string_view host) {
  std::vector<Diagnostic> diagnostics;
  LineReport report(source_, line, host, diagnostics);
  auto pattern = ReadHostPattern(host, Author::kPeople, report);
  if (!pattern) {
    NotCarriedOver(line, FaultIn(diagnostics));
    return false;
  }
  Rule rule;
  rule.action = action;
  rule.host = std::move(*pattern);
  return Take(line, std::move(rule), action == Action::kAccept);
}

bool Imported::AddRule(size_t line, std::string_view text) {
  std::vector<Diagnostic> diagnostics;
  LineReport report(source_, line, text, diagnostics);
  auto rule = ReadRule(text, Author::kPeople, report);
  if (!rule) {
    const std::string fault = FaultIn(diagnostics);
    NotCarriedOver(line, fault.empty() ? "no rule" : fault);
    return false;
  }
  return Take(line, std::move(*rule), false);
}

// The line that it becomes is read as people's, so that the file will be.
bool Imported::Take(size_t line, Rule rule, bool listed) {
  const std::string text = RuleLine(rule);
  if (lines_.contains(text)) {
    return true;
  }
  std::vector<Diagnostic> diagnostics;
  LineReport report(source_, line, text, diagnostics);
  const auto again = ReadRule(text, Author::kPeople, report);
  const size_t copies = listed ? terms_.services.size() : 1;
  const size_t regexes =
      rule.host && rule.host->kind == HostPattern::Kind::kRegex ? copies : size_t{0};
  if (const std::string fault = FaultIn(diagnostics); !fault.empty()) {
    NotCarriedOver(line, fault);
  } else if (!again || !(*again == rule)) {
    NotCarriedOver(line, "a rule file has no words for it");
  } else if (regexes_ + regexes > PatternIndex::kRegexesMax) {
    NotCarriedOver(line,
                   fmt::format("more than {} regular expressions", PatternIndex::kRegexesMax));
  } else if (rule_count_ + copies > kRulesMax ||
             octets_ + copies * (text.size() + 16) > kOctetsMax) {
    NotCarriedOver(line, "a rule file has no room for more");
  } else {
    rule_count_ += copies;
    regexes_ += regexes;
    octets_ += copies * (text.size() + 16);  // a service, and the end of the line
    for (const Diagnostic& said : diagnostics) {
      if (rule.action == Action::kAccept) {
        Note(line, Message(said));
      }
    }
    lines_.insert(text);
    entries_.push_back({line, std::move(rule), listed});
    return true;
  }
  return false;
}

void Imported::Use(size_t line, std::string_view profile) {
  if (!IsFileName(profile)) {
    NotCarriedOver(line, fmt::format("no name of a profile: '{}'", profile));
  } else if (profiles_.size() == kProfilesMax) {
    NotCarriedOver(line, fmt::format("more than {} profiles", kProfilesMax));
  } else if (std::ranges::find(profiles_, profile) == profiles_.end()) {
    profiles_.emplace_back(profile);
  }
}

void Imported::NotCarriedOver(size_t line, std::string_view why) {
  Note(line, fmt::format("not carried over: {}", why));
}

void Imported::Note(size_t line, std::string_view text) {
  std::string harmless = Harmless(text.substr(0, kNoteOctetsMax));
  harmless += text.size() > kNoteOctetsMax ? "..." : "";
  said_.push_back({line, std::move(harmless)});
}

void Imported::LimitDroppedNames() {
  const auto is_exact = [](const Entry& entry) { return entry.rule.DropsAddresses(); };
  if (std::ranges::count_if(entries_, is_exact) <= static_cast<ptrdiff_t>(kDropNamesMax)) {
    return;
  }
  size_t kept = 0;
  std::erase_if(entries_, [&](Entry& entry) {
    if (!is_exact(entry)) {
      return false;
    }
    if (SuffixKind(entry.rule.host->name) == Suffix::kNone) {
      entry.rule.host->kind = HostPattern::Kind::kZone;
      return false;
    }
    const bool lost = ++kept > kDropNamesMax;
    if (lost) {
      --rule_count_;
      NotCarriedOver(entry.line, "strangers have sites below " + entry.rule.host->Text());
    }
    return lost;
  });
  Note(1, fmt::format("more than {} names: each is refused in DNS, with what is below it",
                      kDropNamesMax));
}

// A run of listed names comes once for each service, so that neighbours share a set.
std::string Imported::RuleLines() const {
  std::string text;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (!entry->listed) {
      text += RuleLine(entry++->rule) + "\n";
      continue;
    }
    const auto end = std::find_if(entry, entries_.end(), [](const Entry& e) { return !e.listed; });
    for (const Service& service : terms_.services) {
      for (auto one = entry; one != end; ++one) {
        Rule rule = one->rule;
        rule.service = service;
        text += RuleLine(rule) + "\n";
      }
    }
    entry = end;
  }
  return text;
}

std::string Imported::Text(size_t number) const {
  std::string text = fmt::format("# From {}, by dnspin import.\n",
                                 Harmless(std::string_view(source_).substr(0, kNoteOctetsMax)));
  for (size_t i = 0; i < std::min(said_.size(), kNotesMax); ++i) {
    text += fmt::format("# line {}: {}\n", said_[i].line, said_[i].text);
  }
  if (said_.size() > kNotesMax) {
    text += fmt::format("# and {} more\n", said_.size() - kNotesMax);
  }
  if (!is_profile && addresses.empty()) {
    text += fmt::format("address 192.0.2.{}  # nobody's: put the addresses of the client here\n",
                        1 + number % kNobodies);
  } else if (!is_profile) {
    text += "address";
    for (const Address& address : addresses) {
      text += " " + address.Text();
    }
    text += "\n";
  }
  for (const std::string& profile : profiles_) {
    text += "use " + profile + "\n";
  }
  return text + "\n" + RuleLines() + ending;
}

}  // namespace dnspin
