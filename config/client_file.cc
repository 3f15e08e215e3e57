#include "config/client_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "config/host_text.h"
#include "config/rule_sense.h"
#include "config/rule_text.h"
#include "config/text_file.h"
#include "config/words.h"
#include "pinning/name_rules.h"
#include "pinning/special_address.h"

namespace dnspin {
namespace {

using Words = std::span<const std::string_view>;

constexpr std::array<std::string_view, 3> kClientStatements{"address", "use", kAddressesFile};
constexpr std::array<std::string_view, 2> kProfileStatements{"alias", kAddressesFile};

class ClientFileReader {
 public:
  ClientFileReader(FileKind kind, const std::string& path, const std::string& origin,
                   std::vector<Diagnostic>& diagnostics)
      : kind_(kind),
        path_(path),
        origin_(std::make_shared<const std::string>(origin)),
        diagnostics_(diagnostics) {}

  ClientFile Read(std::string_view text);

 private:
  void ReadLine(std::string_view line, LineReport& report);
  bool ReadStatement(Words words, LineReport& report);
  void ReadAddresses(Words words, LineReport& report);
  void ReadUses(Words words, LineReport& report);
  void ReadAlias(Words words, LineReport& report);
  void AddRule(std::string_view line, std::string_view first, LineReport& report);
  bool IsWithinLimits(const Rule& rule, std::string_view first, LineReport& report);
  void JudgeReach(std::string_view first, LineReport& report);
  void JudgeWhole();

  FileKind kind_;
  const std::string& path_;
  std::shared_ptr<const std::string> origin_;
  std::vector<Diagnostic>& diagnostics_;
  ClientFile file_;
  size_t rule_count_ = 0;
  size_t regex_count_ = 0;
  size_t ending_line_ = 0;  // the first rule that matches everything; 0: none yet
  bool warned_of_end_ = false;
  bool stopped_ = false;
};

ClientFile ClientFileReader::Read(std::string_view text) {
  size_t number = 0;
  DiagnosticQuota quota;
  const auto lines = SplitLines(text);
  file_.rules.reserve(std::min(lines.size(), kRulesMax));
  for (const std::string_view line : lines) {
    LineReport report(path_, ++number, line, diagnostics_);
    const size_t before = diagnostics_.size();
    ReadLine(line, report);
    if (!quota.Keep(diagnostics_, before)) {
      report.Error(line.substr(0, 0), "too many faults: the rest of this file was not read");
      stopped_ = true;
    }
    if (stopped_) {
      break;
    }
  }
  JudgeWhole();
  return std::move(file_);
}

void ClientFileReader::ReadLine(std::string_view line, LineReport& report) {
  if (line.size() > kRuleLineOctetsMax) {
    report.Error(line.substr(0, 0), fmt::format("line over {} octets", kRuleLineOctetsMax));
    return;
  }
  if (const size_t nul = line.find('\0'); nul != std::string_view::npos) {
    report.Error(line.substr(nul, 1), "not text: the line holds");
    return;
  }
  const auto words = SplitWords(line);
  if (!words.empty() && !ReadStatement(words, report)) {
    AddRule(line, words[0], report);
  }
}

// False if the line is none, but a rule.
bool ClientFileReader::ReadStatement(Words words, LineReport& report) {
  const std::string_view first = words[0];
  const bool known = first == "address" || first == "use" || first == "alias";
  if (!known) {
    return false;
  }
  if (kind_ == FileKind::kClient && first == "alias") {
    report.Error(first, "only a file of profiles.d can be another's");
  } else if (kind_ == FileKind::kProfile && first == "address") {
    report.Error(first, "a profile is nobody's: only a file of clients.d has an");
  } else if (kind_ == FileKind::kProfile && first == "use") {
    report.Error(first, "a profile cannot hold others: name each in the client's");
  } else if (words.size() == 1) {
    report.Error(first, "nothing behind");
  } else if (first == "address") {
    ReadAddresses(words.subspan(1), report);
  } else if (first == "use") {
    ReadUses(words.subspan(1), report);
  } else {
    ReadAlias(words.subspan(1), report);
  }
  return true;
}

void ClientFileReader::ReadAddresses(Words words, LineReport& report) {
  for (const std::string_view word : words) {
    const auto address = Address::Parse(word);
    if (!address) {
      report.Error(word, "not an address");
    } else if (KindOf(*address) == AddressKind::kNever) {
      report.Error(word, "an address that no client can have:");
    } else if (std::any_of(file_.addresses.begin(), file_.addresses.end(),
                           [&](const auto& other) { return other.value == *address; })) {
      report.Error(word, "address given twice:");
    } else if (file_.addresses.size() == kClientAddressesMax) {
      report.Error(word, fmt::format("more than {} addresses:", kClientAddressesMax));
    } else {
      file_.addresses.push_back({*address, report.line(), report.Column(word)});
    }
  }
}

void ClientFileReader::ReadUses(Words words, LineReport& report) {
  for (const std::string_view word : words) {
    if (!IsFileName(word)) {
      report.Error(word, "not a name of a profile:");
      continue;
    }
    JudgeReach(word, report);
    file_.rules.push_back({ProfileUse{std::string(word)}, report.line(), report.Column(word)});
  }
}

void ClientFileReader::ReadAlias(Words words, LineReport& report) {
  if (words.size() > 1 || !file_.alias.empty()) {
    report.Error(words.size() > 1 ? words[1] : words[0],
                 "an alias stands for one profile, not also");
  } else if (!IsFileName(words[0])) {
    report.Error(words[0], "not a name of a profile:");
  } else {
    file_.alias.push_back({std::string(words[0]), report.line(), report.Column(words[0])});
  }
}

void ClientFileReader::AddRule(std::string_view line, std::string_view first, LineReport& report) {
  const Words statements =
      kind_ == FileKind::kClient ? Words(kClientStatements) : kProfileStatements;
  auto rule = ReadRule(line, Author::kPeople, report, statements);
  if (!rule || !IsWithinLimits(*rule, first, report)) {
    return;
  }
  JudgeReach(first, report);
  if (ending_line_ == 0 && EndsAll(*rule)) {
    ending_line_ = report.line();
  }
  rule->origin = {origin_, report.line()};
  file_.rules.push_back({std::move(*rule), report.line(), report.Column(first)});
}

bool ClientFileReader::IsWithinLimits(const Rule& rule, std::string_view first,
                                      LineReport& report) {
  const bool regex = rule.host && rule.host->kind == HostPattern::Kind::kRegex;
  regex_count_ += regex ? 1 : 0;
  if (++rule_count_ > kRulesMax) {
    report.Error(first, fmt::format("more than {} rules: none is read from", kRulesMax));
  } else if (regex_count_ > PatternIndex::kRegexesMax) {
    report.Error(first, fmt::format("more than {} regular expressions: nothing is read from",
                                    PatternIndex::kRegexesMax));
  }
  stopped_ = report.failed();  // so that no more are compiled
  return !stopped_;
}

// Warns, once, of what stands behind a rule that matches everything.
void ClientFileReader::JudgeReach(std::string_view first, LineReport& report) {
  if (ending_line_ != 0 && !warned_of_end_) {
    report.Warning(first, fmt::format("line {} matches everything, so nothing acts from here on:",
                                      ending_line_));
    warned_of_end_ = true;
  }
}

void ClientFileReader::JudgeWhole() {
  const auto add = [this](size_t line, size_t column, std::string message) {
    diagnostics_.push_back({path_, line, column, Severity::kError, std::move(message), {}, {}});
  };
  if (!stopped_ && kind_ == FileKind::kClient && file_.addresses.empty()) {
    add(1, 1, "a client needs a line 'address A' with its addresses");
  }
  if (!file_.alias.empty() && !file_.rules.empty()) {
    const auto& rule = file_.rules.front();
    add(rule.line, rule.column, "an alias has no rules of its own");
  }
}

}  // namespace

bool IsFileName(std::string_view name) {
  constexpr size_t kOctetsMax = 64;
  const auto is_letter_or_digit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= kOctetsMax && is_letter_or_digit(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
         });
}

ClientFile ReadClientFile(FileKind kind, const std::string& path, const std::string& origin,
                          std::string_view text, std::vector<Diagnostic>& diagnostics) {
  return ClientFileReader(kind, path, origin, diagnostics).Read(text);
}

}  // namespace dnspin
