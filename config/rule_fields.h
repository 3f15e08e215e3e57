#pragma once
// Knows: the keys of a rule, and which words of its line are their values. Touches nothing.

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/diagnostic.h"

namespace dnspin {

enum class RuleKey : size_t {
  kAction,
  kDst4,
  kDst6,
  kDstHost,
  kProto,
  kDstPorts,
  kIcmpType,
  kSpecialTarget,
  kExpire,
  kComment,
};
inline constexpr std::array<std::string_view, 10> kRuleKeys{
    "action",   "dst4",     "dst6",          "dsthost", "proto",
    "dstports", "icmptype", "specialtarget", "expire",  "comment"};

inline constexpr std::array<std::string_view, 2> kActions{"accept", "drop"};
inline constexpr std::array<std::string_view, 3> kProtocols{"tcp", "udp", "icmp"};

// The values of a rule as they stand in its line. One that is there but empty was already
// complained of.
class RuleFields {
 public:
  // Takes a line apart: `key=value` words, and words without `=`, each the first of action, host,
  // protocol and ports or ICMP type that is not given yet.
  RuleFields(std::span<const std::string_view> words, LineReport& report);

  bool Has(RuleKey key) const { return Slot(key).has_value(); }
  std::string_view operator[](RuleKey key) const { return Slot(key).value_or(std::string_view()); }

 private:
  void TakeField(std::string_view word, LineReport& report);
  void TakePositional(std::string_view word, LineReport& report);
  void Take(RuleKey key, std::string_view value, std::string_view word, LineReport& report);
  bool HasDestination() const;

  const std::optional<std::string_view>& Slot(RuleKey key) const {
    return values_[static_cast<size_t>(key)];
  }
  std::array<std::optional<std::string_view>, kRuleKeys.size()> values_;
};

// A word that is no `key=value`. A regular expression may hold a `=`.
bool IsPositional(std::string_view word);

// Which of `known` was meant by `word`: what other firewalls call it, or the nearest in spelling.
std::string MeantWord(std::string_view word, std::span<const std::string_view> known);

}  // namespace dnspin
