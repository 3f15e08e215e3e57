#include "config/rule_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "config/rule_fields.h"
#include "config/rule_sense.h"
#include "config/words.h"

namespace dnspin {
namespace {

constexpr std::array<std::string_view, 1> kTargets{"dns"};

std::optional<int64_t> ReadNumber(std::string_view text, int64_t max) {
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                   [](char c) { return c >= '0' && c <= '9'; });
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return digits && error == std::errc() && value <= max ? std::optional(value) : std::nullopt;
}

// Below /var/lib/dnspin/addresses, or from the root on. Nothing that nft or a shell would take for
// more than a word, no way up.
bool IsAddressesPath(std::string_view path) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/";
  const std::string whole = "/" + std::string(path) + "/";
  return !path.empty() && path.size() <= kAddressesPathOctetsMax && !path.ends_with('/') &&
         path.find_first_not_of(kAllowed) == std::string_view::npos &&
         whole.find("//", 1) == std::string::npos && whole.find("/./") == std::string::npos &&
         whole.find("/../") == std::string::npos;
}

// What stands where a rule has its destination.
enum class Destinations : uint8_t { kOne, kAddressesFile };

// Fills a Rule from the fields of its line; what is wrong goes to the report.
class RuleReader {
 public:
  RuleReader(const RuleFields& fields, Destinations destinations, Author author, LineReport& report)
      : fields_(fields), destinations_(destinations), author_(author), report_(report) {}

  Rule Read(Action action) {
    rule_.action = action;
    ReadDestinationFields();
    ReadProtocol();
    ReadPorts();
    ReadIcmpType();
    ReadSpecialTarget();
    ReadExpire();
    ReadComment();
    return std::move(rule_);
  }

 private:
  void ReadAddressesFile();
  void ReadDestinationFields();
  void ReadProtocol();
  void ReadPorts();
  void ReadIcmpType();
  void ReadSpecialTarget();
  void ReadExpire();
  void ReadComment();

  // False also where the protocol itself was complained of.
  bool Contradicts(bool goes_with) const {
    return !goes_with && (protocol_known_ || !fields_.Has(RuleKey::kProto));
  }

  const RuleFields& fields_;
  Destinations destinations_;
  Author author_;
  LineReport& report_;
  Rule rule_;
  bool protocol_known_ = false;
};

void RuleReader::ReadAddressesFile() {
  const auto path = fields_[RuleKey::kDstHost];
  if (IsAddressesPath(path)) {
    rule_.networks = std::make_shared<const NetworkList>(NetworkList{std::string(path), {}});
  } else if (!path.empty()) {
    report_.Error(path, "not a path of letters, digits and ._-/ without dots alone:");
  }
}

void RuleReader::ReadDestinationFields() {
  if (destinations_ == Destinations::kAddressesFile) {
    ReadAddressesFile();
    return;
  }
  if (const auto text = fields_[RuleKey::kDst4]; !text.empty()) {
    rule_.destination = ReadPrefix(text, Family::kIpv4, author_, report_);
  }
  if (const auto text = fields_[RuleKey::kDst6]; !text.empty()) {
    rule_.destination = ReadPrefix(text, Family::kIpv6, author_, report_);
  }
  if (const auto text = fields_[RuleKey::kDstHost]; !text.empty()) {
    if (auto destination = ReadDestination(text, author_, report_)) {
      rule_.host = std::move(destination->host);
      rule_.destination = destination->prefix;
    }
  }
}

void RuleReader::ReadProtocol() {
  const auto text = fields_[RuleKey::kProto];
  const auto known = std::find(kProtocols.begin(), kProtocols.end(), text);
  protocol_known_ = known != kProtocols.end();
  if (protocol_known_) {
    rule_.service.protocol = static_cast<Protocol>(1 + (known - kProtocols.begin()));
  } else if (!text.empty()) {
    report_.Error(text, "unknown protocol", MeantWord(text, kProtocols));
  }
}

void RuleReader::ReadPorts() {
  const auto text = fields_[RuleKey::kDstPorts];
  if (text.empty()) {
    return;
  }
  const Protocol protocol = rule_.service.protocol;
  if (Contradicts(protocol == Protocol::kTcp || protocol == Protocol::kUdp)) {
    report_.Error(text, "ports go with proto tcp or udp only:");
  }
  const size_t dash = text.find('-');
  const auto first = ReadNumber(text.substr(0, dash), UINT16_MAX);
  const auto last =
      dash == std::string_view::npos ? first : ReadNumber(text.substr(dash + 1), UINT16_MAX);
  if (!first || !last) {
    report_.Error(text, "neither a port nor a range of ports (0 to 65535):");
  } else if (*first > *last) {
    report_.Error(text, "a range of ports that ends before it begins:");
  } else {
    rule_.service.ports = PortRange{static_cast<uint16_t>(*first), static_cast<uint16_t>(*last)};
  }
}

void RuleReader::ReadIcmpType() {
  const auto text = fields_[RuleKey::kIcmpType];
  if (text.empty()) {
    return;
  }
  const auto number = ReadNumber(text, UINT8_MAX);
  if (Contradicts(rule_.service.protocol == Protocol::kIcmp)) {
    report_.Error(text, "an icmptype goes with proto icmp only:");
  } else if (!number) {
    report_.Error(text, "not an ICMP type (0 to 255):");
  } else {
    rule_.service.icmp_type = static_cast<uint8_t>(*number);
  }
}

void RuleReader::ReadSpecialTarget() {
  const auto text = fields_[RuleKey::kSpecialTarget];
  if (!text.empty() && destinations_ == Destinations::kAddressesFile) {
    report_.Error(text, "a file of addresses has no special target");
  }
  rule_.dns_target = text == kTargets[0];
  if (!rule_.dns_target && !text.empty()) {
    report_.Error(text, "unknown special target", MeantWord(text, kTargets));
  }
}

void RuleReader::ReadExpire() {
  const auto text = fields_[RuleKey::kExpire];
  if (text.empty()) {
    return;
  }
  constexpr int64_t kLatest = 253'402'300'799;  // the end of the year 9999
  rule_.expire = ReadNumber(text, kLatest);
  if (text.starts_with('+')) {
    report_.Error(text, "a file cannot count from now: expire is UNIX seconds, not");
  } else if (!rule_.expire) {
    report_.Error(text, "expire is UNIX seconds, not");
  }
}

void RuleReader::ReadComment() {
  std::string_view text = fields_[RuleKey::kComment];
  if (text.starts_with('\'') || text.starts_with('"')) {
    if (text.size() < 2 || text.back() != text.front()) {
      report_.Error(text, "a comment without its closing quote:");
      return;
    }
    text = text.substr(1, text.size() - 2);
  }
  // What Qubes takes, so that every rule can go back there.
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:;,./-_[] ";
  const size_t bad = text.find_first_not_of(kAllowed);
  if (bad != std::string_view::npos) {
    report_.Error(text.substr(bad, 1),
                  "a comment holds letters, digits, blanks and :;,./-_[] but no");
    return;
  }
  rule_.comment = text;
}

bool IsAction(std::string_view word) {
  return std::find(kActions.begin(), kActions.end(), word) != kActions.end();
}

// What was meant by a first word that is no action: one of those that a line begins with, or the
// host of an accept.
std::string MeantFirst(std::string_view word, std::span<const std::string_view> statements) {
  std::vector<std::string_view> firsts(kActions.begin(), kActions.end());
  firsts.insert(firsts.end(), statements.begin(), statements.end());
  return MeantWord(word, firsts);
}

// A plain list of domains is a rule file, but a lone `drp` is no domain.
bool IsLoneHost(std::string_view word, LineReport& report,
                std::span<const std::string_view> statements) {
  std::string meant = MeantFirst(word, statements);
  if (meant.empty() || word.find('.') != std::string_view::npos) {
    return true;
  }
  report.Error(word, "unknown action", std::move(meant));
  return false;
}

// The line of a host without an action.
std::string AsAccept(std::span<const std::string_view> words) {
  std::string line = "accept " + std::string(words[0]);
  if (words.size() == 2 && ReadNumber(words[1], UINT16_MAX)) {
    line += " tcp";
  }
  for (const std::string_view word : words.subspan(1)) {
    line += " " + std::string(word);
  }
  return line;
}

// The action of a line; nothing where the rest of it cannot be understood either. An action that
// was complained of counts as drop.
std::optional<Action> ReadAction(const RuleFields& fields, std::span<const std::string_view> words,
                                 LineReport& report, std::span<const std::string_view> statements) {
  const std::string_view text = fields[RuleKey::kAction];
  if (!fields.Has(RuleKey::kAction)) {
    report.Error(words[0], "a rule needs an action, accept or drop, before");
  } else if (!text.empty() && !IsAction(text)) {
    std::string meant = MeantFirst(text, statements);
    const bool typo = !meant.empty();
    if (!typo && text.find('.') != std::string_view::npos && Name::FromHost(text)) {
      meant = words[0] == text ? AsAccept(words) : "accept " + std::string(text);
    }
    report.Error(text, "unknown action", std::move(meant));
    return typo ? std::optional(Action::kDrop) : std::nullopt;
  }
  return text == "accept" ? Action::kAccept : Action::kDrop;
}

}  // namespace

std::optional<Rule> ReadRule(std::string_view line, Author author, LineReport& report,
                             std::span<const std::string_view> statements) {
  auto words = SplitWords(line);
  if (words.empty()) {
    return std::nullopt;
  }
  Destinations destinations = Destinations::kOne;
  if (words[0] == kAddressesFile &&
      std::find(statements.begin(), statements.end(), kAddressesFile) != statements.end()) {
    if (words.size() == 1 || !IsPositional(words[1])) {
      report.Error(words.back(), words.size() == 1 ? "nothing behind" : "a path comes first, not");
      return std::nullopt;
    }
    destinations = Destinations::kAddressesFile;
    words[0] = kActions[0];
  }
  if (words.size() == 1 && IsPositional(words[0]) && !IsAction(words[0])) {
    if (!IsLoneHost(words[0], report, statements)) {
      return std::nullopt;
    }
    words.insert(words.begin(), kActions[0]);
  }
  const RuleFields fields(words, report);
  const auto action = ReadAction(fields, words, report, statements);
  if (!action) {
    return std::nullopt;
  }
  Rule rule = RuleReader(fields, destinations, author, report).Read(*action);
  if (!report.failed() && author == Author::kPeople) {
    JudgeSense(rule, fields, report);
  }
  return report.failed() ? std::nullopt : std::optional(std::move(rule));
}

}  // namespace dnspin
