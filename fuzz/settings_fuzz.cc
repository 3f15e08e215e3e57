// Any octets are read as dnspin.toml. What must hold:
//  - read again it says the same, and means the same;
//  - what is complained of lies within the file, and is said in printable ASCII;
//  - a file without an error has only keys that there are, changes only what it speaks of, and
//    leaves every setting within its bounds;
//  - what it means can be written down, and is read back as that.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/public_suffix.h"
#include "config/setting_keys.h"
#include "config/setting_values.h"
#include "config/settings.h"
#include "pinning/check.h"
#include "pinning/kernel_name.h"
#include "pinning/name_rules.h"

namespace dnspin {
namespace {

using std::chrono::seconds;

struct Reading {
  Settings settings;
  std::vector<Diagnostic> said;
  bool operator==(const Reading&) const = default;
};

Reading Read(std::string_view text) {
  static const std::string kFile = "fuzz";
  Reading reading;
  ReadSettings(kFile, text, reading.settings, reading.said);
  return reading;
}

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  for (size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  lines.push_back(text);
  return lines;
}

void CheckSaid(const Diagnostic& one, const std::vector<std::string_view>& lines) {
  const std::string text = one.Text();
  DNSPIN_CHECK(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }));
  DNSPIN_CHECK(one.line >= 1 && one.line <= lines.size() + 1);
  const size_t octets = one.line <= lines.size() ? lines[one.line - 1].size() : 0;
  DNSPIN_CHECK(one.column >= 1 && one.column <= octets + 2);  // the line's end counts
}

bool IsBare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

// The key that a line sets, if it is written without quotes and dots; empty: none, or no such.
std::string_view BareKey(std::string_view line) {
  line = Trimmed(line);
  const auto end = std::find_if_not(line.begin(), line.end(), IsBare);
  const auto octets = static_cast<size_t>(end - line.begin());
  return Trimmed(line.substr(octets)).starts_with('=') ? line.substr(0, octets)
                                                       : std::string_view();
}

// An oracle that knows lines only, of files without text of several lines.
void CheckKeys(std::string_view text, const std::vector<std::string_view>& lines) {
  if (text.find("\"\"\"") != std::string_view::npos || text.find("'''") != std::string_view::npos) {
    return;
  }
  for (const std::string_view line : lines) {
    const std::string_view key = BareKey(line);
    const auto keys = SettingKeys();
    DNSPIN_CHECK(key.empty() || std::any_of(keys.begin(), keys.end(), [&](const SettingKey& known) {
                   return known.name == key || known.table == key;  // dns = { mode = "answer" }
                 }));
  }
}

constexpr std::array<std::pair<std::string_view, uint32_t Limits::*>, 5> kLimits{{
    {"questions_in_flight", &Limits::questions_in_flight},
    {"questions_per_second", &Limits::questions_per_second},
    {"questions_burst", &Limits::questions_burst},
    {"connections", &Limits::connections},
    {"names_per_pattern", &Limits::names_per_pattern},
}};

// What the file does not name is as it was. (An escape could spell a name that is not seen.)
void CheckUnnamed(std::string_view text, const Settings& settings) {
  if (text.find('\\') != std::string_view::npos) {
    return;
  }
  static const Settings kDefaults;
  const auto stays = [&](std::string_view name, const auto& value, const auto& usual) {
    DNSPIN_CHECK(text.find(name) != std::string_view::npos || value == usual);
  };
  const auto& usual = kDefaults;
  stays("interfaces", settings.interfaces, usual.interfaces);
  stays("sources", settings.from_files, usual.from_files);
  stays("sources", settings.from_qubesdb, usual.from_qubesdb);
  stays("inbound", settings.inbound, usual.inbound);
  stays("prefetch", settings.prefetch, usual.prefetch);
  stays("dom0_accept", settings.dom0_accept, usual.dom0_accept);
  stays("learn", settings.learn, usual.learn);
  stays("intercept", settings.intercept_any, usual.intercept_any);
  stays("intercept", settings.intercept, usual.intercept);
  stays("upstream", settings.upstreams, usual.upstreams);
  stays("isolation", settings.isolated, usual.isolated);
  stays("mode", settings.snoop, usual.snoop);
  stays("snoop_fail_open", settings.snoop_fail_open, usual.snoop_fail_open);
  stays("rebind_ok", settings.rebind_ok, usual.rebind_ok);
  stays("svcb", settings.bindings.svcb, usual.bindings.svcb);
  stays("ech", settings.bindings.ech, usual.bindings.ech);
  stays("told_max", settings.terms.told_max, usual.terms.told_max);
  stays("floor", settings.terms.floor, usual.terms.floor);
  stays("slack", settings.terms.slack, usual.terms.slack);
  stays("per_client", settings.terms.per_client, usual.terms.per_client);
  stays("per_name", settings.terms.per_name, usual.terms.per_name);
  for (const auto& [key, limit] : kLimits) {
    stays(key, settings.limits.*limit, usual.limits.*limit);
  }
  stays("table", settings.table, usual.table);
  stays("run_dir", settings.run_dir, usual.run_dir);
  stays("user", settings.user, usual.user);
  stays("resolver_user", settings.resolver_user, usual.resolver_user);
}

void CheckBounds(const Settings& settings) {
  const auto is_time = [](seconds time, seconds min) {
    return time >= min && time <= std::chrono::hours(24);
  };
  const PinTerms& terms = settings.terms;
  DNSPIN_CHECK(is_time(terms.told_max, seconds(1)) && is_time(terms.floor, seconds(1)));
  DNSPIN_CHECK(is_time(terms.slack, seconds(0)));
  DNSPIN_CHECK(terms.per_client >= 1 && terms.per_client <= 65536);
  DNSPIN_CHECK(terms.per_name >= 1 && terms.per_name <= 65536);
  for (const auto& [key, limit] : kLimits) {
    DNSPIN_CHECK(settings.limits.*limit >= 1 && settings.limits.*limit <= 1'000'000);
  }
  DNSPIN_CHECK(!settings.interfaces.empty());
  for (const std::string& interface : settings.interfaces) {
    DNSPIN_CHECK(IsInterfacePattern(interface));
  }
  DNSPIN_CHECK(settings.from_files || settings.from_qubesdb);
  DNSPIN_CHECK(!settings.intercept_any || settings.intercept.empty());
  DNSPIN_CHECK(IsTableName(settings.table) && IsRunDir(settings.run_dir));
  DNSPIN_CHECK(IsUserName(settings.user));
  DNSPIN_CHECK(IsUserName(settings.resolver_user) || IsUid(settings.resolver_user));
  for (const HostPattern& pattern : settings.rebind_ok) {
    if (pattern.kind == HostPattern::Kind::kRegex) {
      DNSPIN_CHECK(RegexError(pattern.regex).empty());
    } else {
      DNSPIN_CHECK(pattern.name.IsHost() && SuffixKind(pattern.name) != Suffix::kIcann);
    }
  }
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    quoted += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  }
  return quoted + '"';
}

template <typename List, typename Write>
std::string ListOf(const List& list, const Write& write) {
  std::string text = "[";
  for (const auto& one : list) {
    text += Quoted(write(one)) + ", ";
  }
  return text + "]\n";
}

std::string Time(seconds time) { return Quoted(std::to_string(time.count()) + "s") + "\n"; }

std::string Written(const Settings& settings) {
  constexpr std::array<std::string_view, 3> kSvcb{"pin", "strip", "nodata"};
  const auto flag = [](bool on) { return std::string(on ? "true\n" : "false\n"); };
  const auto text = [](const auto& value) { return value.Text(); };
  std::vector<std::string> sources;
  if (settings.from_files) {
    sources.emplace_back("files");
  }
  if (settings.from_qubesdb) {
    sources.emplace_back("qubesdb");
  }
  const auto itself = [](const std::string& one) { return one; };
  const bool open = settings.inbound == Inbound::kOpen;
  const bool strips = settings.bindings.ech == BindingTerms::Ech::kStrip;
  const PinTerms& terms = settings.terms;
  std::string limits = "[limits]\n";
  for (const auto& [key, limit] : kLimits) {
    limits += std::string(key) + " = " + std::to_string(settings.limits.*limit) + "\n";
  }
  return "[clients]\ninterfaces = " + ListOf(settings.interfaces, itself) +
         "sources = " + ListOf(sources, itself) + "inbound = " + Quoted(open ? "open" : "closed") +
         "\nprefetch = " + flag(settings.prefetch) + "dom0_accept = " + flag(settings.dom0_accept) +
         "learn = " + flag(settings.learn) +
         "[dns]\nmode = " + Quoted(settings.snoop ? "snoop" : "answer") +
         "\nsnoop_fail_open = " + flag(settings.snoop_fail_open) + "intercept = " +
         (settings.intercept_any ? Quoted("any") + "\n" : ListOf(settings.intercept, text)) +
         "upstream = " + ListOf(settings.upstreams, text) +
         "isolation = " + Quoted(settings.isolated ? "client" : "shared") +
         "\nrebind_ok = " + ListOf(settings.rebind_ok, text) +
         "svcb = " + Quoted(kSvcb.at(static_cast<size_t>(settings.bindings.svcb))) +
         "\nech = " + Quoted(strips ? "strip" : "keep") +
         "\n[pins]\ntold_max = " + Time(terms.told_max) + "floor = " + Time(terms.floor) +
         "slack = " + Time(terms.slack) + "per_client = " + std::to_string(terms.per_client) +
         "\nper_name = " + std::to_string(terms.per_name) + "\n" + limits +
         "[firewall]\ntable = " + Quoted(settings.table) +
         "\n[daemon]\nrun_dir = " + Quoted(settings.run_dir) + "\nuser = " + Quoted(settings.user) +
         "\nresolver_user = " + Quoted(settings.resolver_user) + "\n";
}

}  // namespace
}  // namespace dnspin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace dnspin;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const Reading reading = Read(text);
  DNSPIN_CHECK(reading == Read(text));
  const auto lines = LinesOf(text);
  for (const Diagnostic& one : reading.said) {
    CheckSaid(one, lines);
  }
  if (!HasErrors(reading.said)) {
    CheckKeys(text, lines);
    CheckUnnamed(text, reading.settings);
    CheckBounds(reading.settings);
    const Reading again = Read(Written(reading.settings));
    DNSPIN_CHECK(!HasErrors(again.said) && again.settings == reading.settings);
  }
  return 0;
}
