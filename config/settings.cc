#include "config/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "config/setting.h"
#include "config/setting_keys.h"
#include "config/suggestion.h"
#include "config/text_file.h"

namespace dnspin {
namespace {

// toml++ asserts what some files do not fulfil (3.3.0: a lone "[" in a line). Such a file is a bad
// one, and no reason to end. Without assertions it would take them for granted, which is worse.
struct BrokenAssumption {};
[[noreturn]] void GiveUp() { throw BrokenAssumption(); }

}  // namespace
}  // namespace dnspin

#undef NDEBUG
#define TOML_ASSERT(expr) ((expr) ? static_cast<void>(0) : ::dnspin::GiveUp())
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace dnspin {
namespace {

constexpr std::array<std::string_view, 6> kTables{"clients", "dns",      "pins",
                                                  "limits",  "firewall", "daemon"};

Place PlaceOf(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

std::string_view KindName(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "text";
    case toml::node_type::integer:
      return "a number";
    case toml::node_type::floating_point:
      return "a number with a point";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

// No key wants a list within a list: what is deeper than one stays a kind.
Setting SettingOf(const toml::node& node, bool within_list = false) {
  Setting setting{{}, KindName(node), PlaceOf(node.source())};
  if (const auto* text = node.as_string()) {
    setting.value = text->get();
  } else if (const auto* number = node.as_integer()) {
    setting.value = number->get();
  } else if (const auto* flag = node.as_boolean()) {
    setting.value = flag->get();
  } else if (const auto* list = node.as_array(); list != nullptr && !within_list) {
    Setting::List items;
    for (const toml::node& item : *list) {
      items.push_back(SettingOf(item, true));
    }
    setting.value = std::move(items);
  }
  return setting;
}

// The nearest key of this table, or this very key of another.
void ComplainOfKey(std::string_view table, const toml::key& key, SettingReport& report) {
  std::vector<std::string_view> near;
  std::string meant;
  for (const SettingKey& one : SettingKeys()) {
    if (one.table == table) {
      near.push_back(one.name);
    } else if (one.name == key.str()) {
      meant = fmt::format("[{}] {}", one.table, one.name);
    }
  }
  std::string nearest = NearestWord(key.str(), near);
  report.Error(PlaceOf(key.source()), "unknown key", key.str(),
               nearest.empty() ? std::move(meant) : std::move(nearest));
}

void ReadTable(std::string_view table, const toml::table& entries, Settings& settings,
               SettingReport& report) {
  for (const auto& entry : entries) {
    const std::string_view name = entry.first.str();
    const auto keys = SettingKeys();
    const auto found = std::find_if(keys.begin(), keys.end(), [&](const SettingKey& one) {
      return one.table == table && one.name == name;
    });
    if (found == keys.end()) {
      ComplainOfKey(table, entry.first, report);
    } else {
      found->read(SettingOf(entry.second), settings, report);
    }
  }
}

// A quotation mark within a word is part of that, whatever will be said of it.
bool BeginsText(std::string_view text, size_t at) {
  constexpr std::string_view kBefore = " \t\r\n=,[{.";
  return (text[at] == '"' || text[at] == '\'') &&
         (at == 0 || kBefore.find(text[at - 1]) != std::string_view::npos);
}

// Behind the text that begins at `at`, with a quotation mark or three.
size_t EndOfText(std::string_view text, size_t at) {
  const char quote = text[at];
  const bool may_break = text.substr(at).starts_with(std::string(3, quote));
  const std::string close(may_break ? 3 : 1, quote);
  at += close.size();
  while (at < text.size() && text.compare(at, close.size(), close) != 0) {
    if (text[at] == '\n' && !may_break) {
      return at;
    }
    at += quote == '"' && text[at] == '\\' ? 2 : 1;
  }
  at += close.size();
  while (may_break && at < text.size() && text[at] == quote) {
    ++at;  // its own last ones
  }
  return std::min(at, text.size());
}

// The first octet outside of texts and comments that is not ASCII, as TOML is there. (What toml++
// 3.3.0 does of many a letter is undefined.)
std::optional<size_t> FindForeign(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  for (size_t at = text.starts_with(kByteOrderMark) ? 3 : 0; at < text.size();) {
    if (text[at] == '#') {
      at = std::min(text.find('\n', at), text.size());
    } else if (BeginsText(text, at)) {
      at = EndOfText(text, at);
    } else if (static_cast<uint8_t>(text[at]) > 0x7F) {
      return at;
    } else {
      ++at;
    }
  }
  return std::nullopt;
}

Place PlaceAt(std::string_view text, size_t at) {
  const std::string_view before = text.substr(0, at);
  const auto line = static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
  return {line + 1, at - (line == 0 ? 0 : before.rfind('\n') + 1) + 1};
}

// Nothing if toml++ cannot go on.
std::optional<toml::parse_result> Parse(std::string_view text) {
  try {
    return toml::parse(text);
  } catch (const BrokenAssumption&) {
    return std::nullopt;
  }
}

// Where it could not go on: the last line of the fewest with which that is so.
Place PlaceOfBreak(std::string_view text) {
  const auto lines = SplitLines(text);
  const auto broken = std::partition_point(lines.begin(), lines.end(), [&](std::string_view line) {
    return Parse(text.substr(0, static_cast<size_t>(line.end() - text.begin()) + 1)).has_value();
  });
  return {std::min(static_cast<size_t>(broken - lines.begin()) + 1, lines.size()), 1};
}

}  // namespace

Settings::Settings() {
  for (const std::string_view text : {"10.139.1.1", "10.139.1.2"}) {
    intercept.push_back(*Address::Parse(text));
  }
}

void ReadSettings(const std::string& path, std::string_view text, Settings& settings,
                  std::vector<Diagnostic>& diagnostics) {
  SettingReport report(path, diagnostics);
  if (const auto foreign = FindForeign(text)) {
    report.Error(PlaceAt(text, *foreign),
                 "no TOML: only ASCII stands outside of text and comments");
    return;
  }
  const auto parsed = Parse(text);
  if (!parsed) {
    report.Error(PlaceOfBreak(text), "no TOML: this cannot be read");
    return;
  }
  if (!*parsed) {
    const toml::parse_error& error = parsed->error();
    report.Error(PlaceOf(error.source()), fmt::format("no TOML: {}", error.description()));
    return;
  }
  for (const auto& [key, node] : parsed->table()) {
    const bool known = std::find(kTables.begin(), kTables.end(), key.str()) != kTables.end();
    if (known && node.is_table()) {
      ReadTable(key.str(), *node.as_table(), settings, report);
    } else if (known) {
      report.Error(PlaceOf(node.source()),
                   fmt::format("{} is a table, not {}", key.str(), KindName(node)));
    } else if (node.is_table()) {
      report.Error(PlaceOf(key.source()), "unknown table", key.str(),
                   NearestWord(key.str(), kTables));
    } else {
      ComplainOfKey({}, key, report);
    }
  }
}

}  // namespace dnspin
