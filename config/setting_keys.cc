#include "config/setting_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "config/host_text.h"
#include "config/setting_values.h"
#include "config/suggestion.h"
#include "pinning/kernel_name.h"
#include "pinning/name_rules.h"

namespace dnspin {
namespace {

using std::chrono::seconds;
using Words = std::span<const std::string_view>;

constexpr size_t kListMax = 1024;
constexpr size_t kUpstreamsMax = 16;
constexpr int64_t kQuotaMax = 65536;
// A reader has descriptors for so many: a question may take three, and a probe for each server.
constexpr int64_t kInFlightMax = 4096;
constexpr int64_t kConnectionsMax = 4096;
constexpr int64_t kRateMax = 1'000'000;

// The firewall wants its interfaces apart: one that another pattern covers says nothing new.
void AddInterface(std::string_view pattern, std::vector<std::string>& interfaces) {
  const auto covers = [](std::string_view wide, std::string_view narrow) {
    return wide.ends_with('*') ? narrow.starts_with(wide.substr(0, wide.size() - 1))
                               : wide == narrow;
  };
  if (std::any_of(interfaces.begin(), interfaces.end(),
                  [&](const std::string& other) { return covers(other, pattern); })) {
    return;
  }
  std::erase_if(interfaces, [&](const std::string& other) { return covers(pattern, other); });
  interfaces.emplace_back(pattern);
}

void ReadInterfaces(const Setting& setting, Settings& settings, SettingReport& report) {
  settings.interfaces.clear();
  for (const Setting& item : report.Items(setting, kListMax)) {
    const auto text = report.Text(item);
    if (text && !IsInterfacePattern(*text)) {
      report.Error(item, "not an interface, nor the beginning of one and a star:", *text);
    } else if (text) {
      AddInterface(*text, settings.interfaces);
    }
  }
  if (const auto* items = std::get_if<Setting::List>(&setting.value); items && items->empty()) {
    report.Error(setting, "without an interface nobody would be filtered");
  }
}

// The text of `setting` if it is one of `known`. `what` is what these are, for the message.
std::optional<std::string_view> OneOf(const Setting& setting, Words known, std::string_view what,
                                      SettingReport& report) {
  const auto text = report.Text(setting);
  if (text && std::find(known.begin(), known.end(), *text) == known.end()) {
    report.Error(setting, fmt::format("unknown {}", what), *text, NearestWord(*text, known));
    return std::nullopt;
  }
  return text;
}

void ReadSources(const Setting& setting, Settings& settings, SettingReport& report) {
  constexpr std::array<std::string_view, 2> kSources{"files", "qubesdb"};
  settings.from_files = settings.from_qubesdb = false;
  for (const Setting& item : report.Items(setting, kListMax)) {
    const auto source = OneOf(item, kSources, "source", report);
    settings.from_files = settings.from_files || source == kSources[0];
    settings.from_qubesdb = settings.from_qubesdb || source == kSources[1];
  }
  if (const auto* items = std::get_if<Setting::List>(&setting.value); items && items->empty()) {
    report.Error(setting, "without a source there would be no rules");
  }
}

void ReadInbound(const Setting& setting, Settings& settings, SettingReport& report) {
  constexpr std::array<std::string_view, 2> kKinds{"closed", "open"};
  const auto text = OneOf(setting, kKinds, "inbound", report);
  settings.inbound = text == "open" ? Inbound::kOpen : Inbound::kClosed;
}

void ReadPrefetch(const Setting& setting, Settings& settings, SettingReport& report) {
  settings.prefetch = report.Flag(setting).value_or(false);
}

void ReadDom0Accept(const Setting& setting, Settings& settings, SettingReport& report) {
  settings.dom0_accept = report.Flag(setting).value_or(false);
}

void ReadLearn(const Setting& setting, Settings& settings, SettingReport& report) {
  settings.learn = report.Flag(setting).value_or(false);
}

void ReadMode(const Setting& setting, Settings& settings, SettingReport& report) {
  constexpr std::array<std::string_view, 2> kModes{"answer", "snoop"};
  settings.snoop = OneOf(setting, kModes, "mode", report) == "snoop";
}

void ReadSnoopFailOpen(const Setting& setting, Settings& settings, SettingReport& report) {
  settings.snoop_fail_open = report.Flag(setting).value_or(false);
}

void ReadIntercept(const Setting& setting, Settings& settings, SettingReport& report) {
  settings.intercept.clear();
  const auto* word = std::get_if<std::string>(&setting.value);
  settings.intercept_any = word != nullptr && *word == "any";
  if (word != nullptr) {
    if (!settings.intercept_any) {
      report.Error(setting, "intercept is a list of addresses or \"any\", not", *word);
    }
    return;
  }
  for (const Setting& item : report.Items(setting, kListMax)) {
    const auto text = report.Text(item);
    const auto address = text ? Address::Parse(*text) : std::nullopt;
    auto& known = settings.intercept;
    if (address && std::find(known.begin(), known.end(), *address) == known.end()) {
      known.push_back(*address);
    } else if (text && !address) {
      report.Error(item, "not an address:", *text);
    }
  }
}

void ReadUpstream(const Setting& setting, Settings& settings, SettingReport& report) {
  settings.upstreams.clear();
  for (const Setting& item : report.Items(setting, kUpstreamsMax)) {
    const auto text = report.Text(item);
    const auto endpoint = text ? Endpoint::Parse(*text) : std::nullopt;
    if (endpoint) {
      settings.upstreams.push_back(*endpoint);
    } else if (text) {
      report.Error(item, "an upstream is \"ADDR\", \"ADDR:PORT\" or \"[V6]:PORT\", not", *text);
    }
  }
}

void ReadIsolation(const Setting& setting, Settings& settings, SettingReport& report) {
  constexpr std::array<std::string_view, 2> kKinds{"client", "shared"};
  settings.isolated = OneOf(setting, kKinds, "isolation", report) != "shared";
}

void ReadRebindOk(const Setting& setting, Settings& settings, SettingReport& report) {
  settings.rebind_ok.clear();
  size_t regexes = 0;
  for (const Setting& item : report.Items(setting, kListMax)) {
    const auto text = report.Text(item);
    if (!text) {
      continue;
    }
    std::vector<Diagnostic> said;
    LineReport line(report.path(), item.place.line, *text, said);
    auto pattern = ReadHostPattern(*text, Author::kPeople, line);
    report.Adopt(item, std::move(said));
    regexes += pattern && pattern->kind == HostPattern::Kind::kRegex ? 1 : 0;
    if (regexes > PatternIndex::kRegexesMax) {
      report.Error(
          item,
          fmt::format("more than {} regular expressions from here on:", PatternIndex::kRegexesMax),
          *text);
      return;
    }
    if (pattern) {
      settings.rebind_ok.push_back(std::move(*pattern));
    }
  }
}

void ReadSvcb(const Setting& setting, Settings& settings, SettingReport& report) {
  constexpr std::array<std::string_view, 3> kWays{"pin", "strip", "nodata"};
  using Svcb = BindingTerms::Svcb;
  const auto text = OneOf(setting, kWays, "svcb", report);
  settings.bindings.svcb = text == "strip"    ? Svcb::kStrip
                           : text == "nodata" ? Svcb::kNodata
                                              : Svcb::kPin;
}

void ReadEch(const Setting& setting, Settings& settings, SettingReport& report) {
  constexpr std::array<std::string_view, 2> kWays{"keep", "strip"};
  using Ech = BindingTerms::Ech;
  const auto text = OneOf(setting, kWays, "ech", report);
  settings.bindings.ech = text == "strip" ? Ech::kStrip : Ech::kKeep;
}

void ReadTime(const Setting& setting, seconds min, seconds& out, SettingReport& report) {
  constexpr seconds kMax = std::chrono::hours(24);
  const auto text = report.Text(setting, "a time such as \"30s\" or \"5m\"");
  const auto time = text ? ReadDuration(*text) : std::nullopt;
  if (time && *time >= min && *time <= kMax) {
    out = *time;
  } else if (text) {
    report.Error(setting,
                 fmt::format("a time from \"{}s\" to \"24h\" is wanted here, not", min.count()),
                 *text);
  }
}

void ReadToldMax(const Setting& setting, Settings& settings, SettingReport& report) {
  ReadTime(setting, seconds(1), settings.terms.told_max, report);
}

void ReadFloor(const Setting& setting, Settings& settings, SettingReport& report) {
  ReadTime(setting, seconds(1), settings.terms.floor, report);
}

void ReadSlack(const Setting& setting, Settings& settings, SettingReport& report) {
  ReadTime(setting, seconds(0), settings.terms.slack, report);
}

void ReadPerClient(const Setting& setting, Settings& settings, SettingReport& report) {
  settings.terms.per_client =
      static_cast<uint32_t>(report.Number(setting, 1, kQuotaMax).value_or(1));
}

void ReadPerName(const Setting& setting, Settings& settings, SettingReport& report) {
  settings.terms.per_name = static_cast<uint32_t>(report.Number(setting, 1, kQuotaMax).value_or(1));
}

// One of `[limits]`.
template <uint32_t Limits::*field, int64_t most>
void ReadLimit(const Setting& setting, Settings& settings, SettingReport& report) {
  settings.limits.*field = static_cast<uint32_t>(report.Number(setting, 1, most).value_or(1));
}

// Text that `is_good` takes.
void ReadText(const Setting& setting, bool (*is_good)(std::string_view), std::string_view fault,
              std::string& out, SettingReport& report) {
  const auto text = report.Text(setting);
  if (text && !is_good(*text)) {
    report.Error(setting, std::string(fault), *text);
  } else if (text) {
    out = *text;
  }
}

void ReadTable(const Setting& setting, Settings& settings, SettingReport& report) {
  ReadText(setting, IsTableName,
           "a table is called by a letter and up to 30 letters, digits, - and _, not",
           settings.table, report);
}

void ReadRunDir(const Setting& setting, Settings& settings, SettingReport& report) {
  ReadText(setting, IsRunDir, "run_dir is an absolute path of up to 90 octets, not",
           settings.run_dir, report);
}

void ReadUser(const Setting& setting, Settings& settings, SettingReport& report) {
  ReadText(setting, IsUserName, "not what a user can be called:", settings.user, report);
}

void ReadResolverUser(const Setting& setting, Settings& settings, SettingReport& report) {
  const auto text = report.Text(setting);
  if (text && !text->empty() && text->find_first_not_of("0123456789") == text->npos) {
    ReadText(setting, IsUid, "a uid is a number from 1 to 4294967294, not", settings.resolver_user,
             report);
  } else if (text) {
    ReadText(setting, IsUserName,
             "neither what a user can be called nor a uid:", settings.resolver_user, report);
  }
}

}  // namespace

std::span<const SettingKey> SettingKeys() {
  static constexpr std::array<SettingKey, 28> kKeys{{
      {"clients", "interfaces", ReadInterfaces},
      {"clients", "sources", ReadSources},
      {"clients", "inbound", ReadInbound},
      {"clients", "prefetch", ReadPrefetch},
      {"clients", "dom0_accept", ReadDom0Accept},
      {"clients", "learn", ReadLearn},
      {"dns", "mode", ReadMode},
      {"dns", "snoop_fail_open", ReadSnoopFailOpen},
      {"dns", "intercept", ReadIntercept},
      {"dns", "upstream", ReadUpstream},
      {"dns", "isolation", ReadIsolation},
      {"dns", "rebind_ok", ReadRebindOk},
      {"dns", "svcb", ReadSvcb},
      {"dns", "ech", ReadEch},
      {"pins", "told_max", ReadToldMax},
      {"pins", "floor", ReadFloor},
      {"pins", "slack", ReadSlack},
      {"pins", "per_client", ReadPerClient},
      {"pins", "per_name", ReadPerName},
      {"limits", "questions_in_flight", ReadLimit<&Limits::questions_in_flight, kInFlightMax>},
      {"limits", "questions_per_second", ReadLimit<&Limits::questions_per_second, kRateMax>},
      {"limits", "questions_burst", ReadLimit<&Limits::questions_burst, kRateMax>},
      {"limits", "connections", ReadLimit<&Limits::connections, kConnectionsMax>},
      {"limits", "names_per_pattern", ReadLimit<&Limits::names_per_pattern, kRateMax>},
      {"firewall", "table", ReadTable},
      {"daemon", "run_dir", ReadRunDir},
      {"daemon", "user", ReadUser},
      {"daemon", "resolver_user", ReadResolverUser},
  }};
  return kKeys;
}

}  // namespace dnspin
