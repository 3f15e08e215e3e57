#include "cli/tinyproxy_pattern.h"

#include <algorithm>
#include <array>
#include <optional>

#include "pinning/name.h"

namespace dnspin {
namespace {

// How people write "and everything below" before a host.
constexpr std::array<std::string_view, 8> kSelfAndBelow{
    "(.*\\.)?",    "(.+\\.)?",    "(.*\\.|)",         "(|.*\\.)",
    "([^.]+\\.)*", "([^.]*\\.)*", "([a-z0-9-]+\\.)*", "([-a-z0-9]+\\.)*"};
constexpr std::array<std::string_view, 4> kBelow{".*\\.", ".+\\.", "(.*\\.)", "([^.]+\\.)+"};

// Host names hold neither brackets nor these signs, so `\(` and `(` both mean the operator, be it a
// basic or an extended expression. Names are lower case.
std::string Plain(std::string_view regex) {
  constexpr std::string_view kOperators = "(){}?+|";
  std::string plain;
  for (size_t i = 0; i < regex.size(); ++i) {
    const char c = regex[i];
    if (c == '\\' && i + 1 < regex.size()) {
      const char next = regex[++i];
      plain += kOperators.find(next) == std::string_view::npos ? std::string{c, next}
                                                               : std::string{next};
    } else {
      plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return plain;
}

// The alternatives that no bracket encloses.
std::vector<std::string> Alternatives(std::string_view regex) {
  std::vector<std::string> parts(1);
  size_t depth = 0;
  bool in_class = false;
  for (size_t i = 0; i < regex.size(); ++i) {
    const char c = regex[i];
    if (c == '\\' && i + 1 < regex.size()) {
      parts.back() += c;
      parts.back() += regex[++i];
      continue;
    }
    in_class = c == '[' || (in_class && c != ']');
    depth += !in_class && c == '(' ? 1 : 0;
    depth -= !in_class && c == ')' && depth > 0 ? 1 : 0;
    if (c == '|' && depth == 0 && !in_class) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// The host that a regular expression without operators spells; a bare dot stands for itself, as it
// was meant.
std::optional<std::string> Literal(std::string_view regex, bool& bare_dot) {
  std::string host;
  for (size_t i = 0; i < regex.size(); ++i) {
    const bool escaped = regex[i] == '\\' && i + 1 < regex.size();
    const char c = escaped ? regex[++i] : regex[i];
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (c != '.' && !(plain && !escaped) && !(escaped && c == '-')) {
      return std::nullopt;
    }
    bare_dot = bare_dot || (c == '.' && !escaped);
    host += c;
  }
  return host;
}

template <size_t Count>
bool TakeOneOf(const std::array<std::string_view, Count>& prefixes, std::string_view& regex) {
  const auto found = std::ranges::find_if(
      prefixes, [&](std::string_view prefix) { return regex.starts_with(prefix); });
  if (found == prefixes.end()) {
    return false;
  }
  regex.remove_prefix(found->size());
  return true;
}

class Alternative {
 public:
  explicit Alternative(std::string_view regex) : body_(regex) {
    left_ = body_.starts_with('^');
    body_.remove_prefix(left_ ? 1 : 0);
    right_ = body_.ends_with('$') && !body_.ends_with("\\$");
    body_.remove_suffix(right_ ? 1 : 0);
  }

  TinyproxyPattern Read() const {
    TinyproxyPattern pattern = Usual();
    if (!pattern.hosts.empty()) {
      return pattern;
    }
    const std::string open = ".*";
    return {{"~" + (left_ ? "" : open) + std::string(body_) + (right_ ? "" : open)},
            "kept as a regular expression"};
  }

 private:
  // The forms that are host patterns; none: another one.
  TinyproxyPattern Usual() const {
    std::string_view rest = body_;
    std::string kind;
    bool left = left_;
    if (TakeOneOf(kSelfAndBelow, rest)) {
      kind = left ? "." : "";
    } else if (rest.starts_with("(^|\\.)")) {
      rest.remove_prefix(6);
      kind = ".";
      left = true;
    } else if (left && TakeOneOf(kBelow, rest)) {
      kind = "*.";
    }
    std::string optional;  // `(www\.)?`
    if (const size_t end = rest.find(")?");
        rest.starts_with('(') && end != std::string_view::npos) {
      optional = rest.substr(1, end - 1);
      rest.remove_prefix(end + 2);
    }
    bool bare_dot = false;
    auto host = Literal(rest, bare_dot);
    const auto first = Literal(optional, bare_dot);
    if (!host || !first || (!optional.empty() && (!kind.empty() || !first->ends_with('.')))) {
      return {};
    }
    return Spelt(*host, *first, kind, left, bare_dot);
  }

  TinyproxyPattern Spelt(std::string_view host, const std::string& first, std::string kind,
                         bool left, bool bare_dot) const {
    if (kind.empty() && first.empty() && host.starts_with('.')) {
      kind = "*.";  // `\.example\.com$`
      host.remove_prefix(1);
      left = true;
    }
    const auto name = Name::FromHost(host);
    if (!name || name->LabelCount() < 2 || host.ends_with('.')) {
      return {};
    }
    TinyproxyPattern pattern;
    if (!left) {
      pattern.note = "names that only end so are left out";
      kind = ".";
    }
    if (!right_) {
      pattern.note = left ? "names that only begin so are left out"
                          : "names that only contain it are left out";
    }
    if (bare_dot) {
      pattern.note += pattern.note.empty() ? "" : "; ";
      pattern.note += "its dots are taken for dots";
    }
    pattern.hosts.push_back(kind + std::string(host));
    if (!first.empty() && left) {
      pattern.hosts.push_back(first + std::string(host));
    }
    return pattern;
  }

  std::string_view body_;
  bool left_;   // anchored at the begin
  bool right_;  // and at the end
};

}  // namespace

std::vector<TinyproxyPattern> ReadTinyproxyPatterns(std::string_view line) {
  std::vector<TinyproxyPattern> patterns;
  for (const std::string& alternative : Alternatives(Plain(line))) {
    patterns.push_back(Alternative(alternative).Read());
  }
  return patterns;
}

}  // namespace dnspin
