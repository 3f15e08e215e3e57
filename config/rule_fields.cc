#include "config/rule_fields.h"

#include <algorithm>
#include <utility>

#include "config/suggestion.h"

namespace dnspin {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kOtherWords{{
    {"allow", "accept"},
    {"permit", "accept"},
    {"deny", "drop"},
    {"block", "drop"},
    {"reject", "drop"},
    {"dstname", "dsthost"},
    {"host", "dsthost"},
    {"port", "dstports"},
    {"ports", "dstports"},
    {"dport", "dstports"},
    {"protocol", "proto"},
    {"icmpv6", "icmp"},
}};

bool IsOneOf(std::string_view word, std::span<const std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool IsDestination(RuleKey key) { return key >= RuleKey::kDst4 && key <= RuleKey::kDstHost; }

}  // namespace

bool IsPositional(std::string_view word) {
  return word.starts_with('~') || word.find('=') == std::string_view::npos;
}

std::string MeantWord(std::string_view word, std::span<const std::string_view> known) {
  for (const auto& [other, ours] : kOtherWords) {
    if (word == other && IsOneOf(ours, known)) {
      return std::string(ours);
    }
  }
  return NearestWord(word, known);
}

RuleFields::RuleFields(std::span<const std::string_view> words, LineReport& report) {
  for (const std::string_view word : words) {
    if (Has(RuleKey::kComment)) {
      report.Error(word, "the comment comes last, but behind it stands");
      return;
    }
    if (IsPositional(word)) {
      TakePositional(word, report);
    } else {
      TakeField(word, report);
    }
  }
}

bool RuleFields::HasDestination() const {
  return Has(RuleKey::kDst4) || Has(RuleKey::kDst6) || Has(RuleKey::kDstHost);
}

void RuleFields::TakeField(std::string_view word, LineReport& report) {
  const size_t equals = word.find('=');
  const std::string_view name = word.substr(0, equals);
  const auto key = std::find(kRuleKeys.begin(), kRuleKeys.end(), name);
  if (key == kRuleKeys.end()) {
    report.Error(name.empty() ? word : name, "unknown key", MeantWord(name, kRuleKeys));
    return;
  }
  Take(static_cast<RuleKey>(key - kRuleKeys.begin()), word.substr(equals + 1), word, report);
}

void RuleFields::TakePositional(std::string_view word, LineReport& report) {
  const bool icmp = (*this)[RuleKey::kProto] == "icmp";
  const RuleKey detail = icmp ? RuleKey::kIcmpType : RuleKey::kDstPorts;
  if (!Has(RuleKey::kAction)) {
    Take(RuleKey::kAction, word, word, report);
  } else if (!HasDestination() && !Has(RuleKey::kProto) && IsOneOf(word, kProtocols) &&
             IsOneOf((*this)[RuleKey::kAction], kActions)) {
    report.Error(word, "no host before the protocol", "proto=" + std::string(word));
    values_[static_cast<size_t>(RuleKey::kDstHost)] = std::string_view();
    Take(RuleKey::kProto, word, word, report);
  } else if (!HasDestination()) {
    Take(RuleKey::kDstHost, word, word, report);
  } else if (!Has(RuleKey::kProto)) {
    Take(RuleKey::kProto, word, word, report);
  } else if (!Has(detail)) {
    Take(detail, word, word, report);
  } else {
    report.Error(word, "one word too many:");
  }
}

void RuleFields::Take(RuleKey key, std::string_view value, std::string_view word,
                      LineReport& report) {
  if (Has(key)) {
    report.Error(word, "given twice:");
    return;
  }
  std::optional<std::string_view>& slot = values_[static_cast<size_t>(key)];
  if (IsDestination(key) && HasDestination()) {
    report.Error(word, "only one of dst4, dst6 and dsthost may be given, not also");
    slot = std::string_view();
  } else if (value.empty() && key != RuleKey::kComment) {
    report.Error(word, "no value behind");
    slot = std::string_view();  // so that the words behind it fall into their places
  } else {
    slot = value;
  }
}

}  // namespace dnspin
