#include "config/host_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "config/idna.h"
#include "config/public_suffix.h"
#include "pinning/channel_message.h"
#include "pinning/name.h"
#include "pinning/name_rules.h"

namespace dnspin {
namespace {

constexpr size_t kLabelOctetsMax = 63;
constexpr size_t kHostOctetsMax = 253;
constexpr size_t kRegexOctetsMax = kRuleHostOctetsMax - 1;  // its `~` travels too

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// True for what browsers read as an IPv4 address, if a broken one: the last label is a number.
bool EndsInNumber(const Name& name) {
  const std::string_view wire = name.Wire();
  std::string_view last;
  for (size_t at = 0; wire[at] != '\0'; at += 1 + last.size()) {
    last = wire.substr(at + 1, static_cast<uint8_t>(wire[at]));
  }
  return std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Why Name::FromHost takes no `host`.
std::string HostFault(std::string_view host) {
  if (host.ends_with('.')) {
    host.remove_suffix(1);
  }
  if (host.empty()) {
    return "no name in host";
  }
  for (size_t from = 0; from <= host.size();) {
    const size_t dot = std::min(host.find('.', from), host.size());
    if (dot == from) {
      return "empty label in host";
    }
    if (dot - from > kLabelOctetsMax) {
      return "label over 63 octets in host";
    }
    from = dot + 1;
  }
  if (host.size() > kHostOctetsMax) {
    return "host over 253 octets";
  }
  if (host.find('*') != std::string_view::npos) {
    return "a star stands only before the first dot, as in *.example.com, not as in";
  }
  return "not a host name, address or prefix";
}

// What was probably meant where a URL or a port came along with the host.
std::string BareHost(std::string_view word) {
  const size_t scheme = word.find("://");
  if (scheme != std::string_view::npos) {
    word.remove_prefix(scheme + 3);
  }
  word = word.substr(0, word.find_first_of("/:?#"));
  const auto name = Name::FromHost(word);
  const bool likely = name && name->LabelCount() > 1 && !EndsInNumber(*name);
  return likely ? name->Text() : std::string();
}

std::optional<HostPattern> ReadRegex(std::string_view word, LineReport& report) {
  const std::string regex(word.substr(1));
  if (regex.empty()) {
    report.Error(word, "no regular expression behind");
    return std::nullopt;
  }
  if (regex.size() > kRegexOctetsMax) {
    report.Error(word, fmt::format("regular expression over {} octets", kRegexOctetsMax));
    return std::nullopt;
  }
  if (std::any_of(regex.begin(), regex.end(), [](char c) { return c <= ' ' || c > '~'; })) {
    report.Error(word, "names are matched in ASCII (xn--...): other letters cannot stand in");
    return std::nullopt;
  }
  if (const std::string fault = RegexError(regex); !fault.empty()) {
    report.Error(word, fmt::format("regular expression refused ({})", fault));
    return std::nullopt;
  }
  return HostPattern{HostPattern::Kind::kRegex, {}, regex};
}

// Takes the `*.` or `.` off `host` and says which pattern that makes.
HostPattern::Kind TakeKind(std::string_view& host) {
  if (host.starts_with("*.")) {
    host.remove_prefix(2);
    return HostPattern::Kind::kBelow;
  }
  if (host.starts_with('.')) {
    host.remove_prefix(1);
    return HostPattern::Kind::kZone;
  }
  return HostPattern::Kind::kName;
}

// What is wrong with a well-spelt pattern; private suffixes are only warned of.
bool IsSensible(const HostPattern& pattern, std::string_view word, const std::string& both,
                LineReport& report) {
  if (EndsInNumber(pattern.name)) {
    report.Error(word, "neither an address nor a host name");
    return false;
  }
  const Suffix suffix = SuffixKind(pattern.name);
  if (suffix == Suffix::kIcann) {
    report.Error(word, fmt::format("public suffix{}, where strangers register names,", both));
    return false;
  }
  if (suffix == Suffix::kPrivate && pattern.kind != HostPattern::Kind::kName) {
    report.Warning(word, fmt::format("private suffix{}, where strangers put their sites,", both));
  }
  return true;
}

}  // namespace

std::optional<HostPattern> ReadHostPattern(std::string_view word, Author author,
                                           LineReport& report) {
  if (word.starts_with('~')) {
    return ReadRegex(word, report);
  }
  const bool figurative = author == Author::kPeople && (word == "any" || word == "all");
  if (word == "*" || word == "." || word == "*." || figurative) {
    report.Error(word, "a host cannot be every name");
    return std::nullopt;
  }
  std::string_view host = word;
  HostPattern pattern{TakeKind(host), {}, {}};
  ALabels converted;
  std::string both;  // the name's other form, for messages
  if (author == Author::kPeople && !IsAscii(host)) {
    converted = ToALabels(host);
    if (!converted.error.empty()) {
      report.Error(word, fmt::format("not an international name ({})", converted.error));
      return std::nullopt;
    }
    host = converted.text;
    both = fmt::format(" {}", converted.text);
  }
  const auto name = Name::FromHost(host);
  if (!name) {
    report.Error(word, HostFault(host) + both, BareHost(word));
    return std::nullopt;
  }
  pattern.name = *name;
  if (author == Author::kPeople && !IsSensible(pattern, word, both, report)) {
    return std::nullopt;
  }
  return pattern;
}

std::optional<Destination> ReadDestination(std::string_view word, Author author,
                                           LineReport& report) {
  if (const auto prefix = Prefix::Parse(word)) {
    const auto read = ReadPrefix(word, prefix->address.family(), author, report);
    return Destination{std::nullopt, read};
  }
  auto host = ReadHostPattern(word, author, report);
  if (!host) {
    return std::nullopt;
  }
  return Destination{std::move(host), std::nullopt};
}

std::optional<Prefix> ReadPrefix(std::string_view word, Family family, Author author,
                                 LineReport& report) {
  const auto prefix = Prefix::Parse(word);
  if (!prefix || prefix->address.family() != family) {
    report.Error(word, fmt::format("not an IPv{} address or prefix", static_cast<int>(family)));
    return std::nullopt;
  }
  const auto written = Address::Parse(word.substr(0, word.find('/')));
  if (author == Author::kPeople && written && *written != prefix->address) {
    report.Warning(word, fmt::format("{} is meant by", prefix->Text()));
  }
  return prefix;
}

}  // namespace dnspin
