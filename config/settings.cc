#include "config/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "config/setting.h"
#include "config/setting_keys.h"
#include "config/suggestion.h"

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace dnspin {
namespace {

constexpr std::array<std::string_view, 5> kTables{"clients", "dns", "pins", "firewall", "daemon"};

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

}  // namespace

Settings::Settings() {
  for (const std::string_view text : {"10.139.1.1", "10.139.1.2"}) {
    intercept.push_back(*Address::Parse(text));
  }
}

void ReadSettings(const std::string& path, std::string_view text, Settings& settings,
                  std::vector<Diagnostic>& diagnostics) {
  SettingReport report(path, diagnostics);
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    report.Error(PlaceOf(error.source()), fmt::format("no TOML: {}", error.description()));
    return;
  }
  for (const auto& [key, node] : parsed.table()) {
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
