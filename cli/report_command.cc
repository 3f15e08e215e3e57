#include "cli/report_command.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>

#include "absl/time/clock.h"
#include "cli/journal_source.h"
#include "cli/report_page.h"

namespace dnspin {
namespace {

constexpr const char* kUsage =
    "usage: dnspin report CLIENT [--since TIME] [--journal FILE] > report.html\n"
    "\n"
    "One page of what the log says of a client.\n"
    "\n"
    "  --since TIME     how far back: 45m, 1h, 24h (this one if left out), 7d at most\n"
    "  --journal FILE   lines of the log, where they are not in this machine's journal: what\n"
    "                   `journalctl -o json` printed, or dnspind's stderr (a time by RFC 3339\n"
    "                   before each line is read); `-` is stdin. Its newest line ends the page.\n";

struct ReportArguments {
  std::string client;
  absl::Duration since = absl::Hours(24);
  std::optional<std::string> journal;
};

// As files and addresses are called; it becomes a journal's field.
bool IsClientName(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == ':';
  });
}

std::optional<absl::Duration> ReadSince(std::string_view text) {
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end + 1 != text.data() + text.size() || count < 1 || count > 10080) {
    return std::nullopt;
  }
  const absl::Duration unit = *end == 'm'   ? absl::Minutes(1)
                              : *end == 'h' ? absl::Hours(1)
                              : *end == 'd' ? absl::Hours(24)
                                            : absl::ZeroDuration();
  const absl::Duration since = unit * count;
  const bool in_bounds = since >= absl::Minutes(1) && since <= absl::Hours(7 * 24);
  return in_bounds ? std::optional(since) : std::nullopt;
}

// Says itself what is wrong.
std::optional<ReportArguments> ReadArguments(const std::vector<std::string>& words) {
  ReportArguments arguments;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const auto value = [&](std::string_view option) -> std::optional<std::string> {
      if (word == option && i + 1 < words.size()) {
        return words[++i];
      }
      const bool joined = word.starts_with(option) && word.substr(option.size()).starts_with('=');
      return joined ? std::optional(word.substr(option.size() + 1)) : std::nullopt;
    };
    if (const auto since = value("--since")) {
      const auto read = ReadSince(*since);
      if (!read) {
        std::fprintf(stderr, "dnspin: '%s' is no time back, such as 1h or 24h, 7d at most\n",
                     since->c_str());
        return std::nullopt;
      }
      arguments.since = *read;
    } else if (const auto file = value("--journal")) {
      arguments.journal = file;
    } else if (arguments.client.empty() && IsClientName(word) && !word.starts_with('-')) {
      arguments.client = word;
    } else {
      std::fprintf(stderr, "dnspin: report does not know '%s'\n%s", word.c_str(), kUsage);
      return std::nullopt;
    }
  }
  if (arguments.client.empty()) {
    std::fputs(kUsage, stderr);
    return std::nullopt;
  }
  return arguments;
}

// Of a file the newest line: it may be of yesterday.
absl::Time EndOf(const std::vector<JournalEvent>& events, absl::Time now) {
  std::optional<absl::Time> newest;
  for (const JournalEvent& event : events) {
    newest = event.at && (!newest || *newest < *event.at) ? event.at : newest;
  }
  return newest.value_or(now);
}

}  // namespace

int RunReport(const std::vector<std::string>& words) {
  if (std::ranges::find(words, "--help") != words.end()) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  const auto arguments = ReadArguments(words);
  if (!arguments) {
    return 2;
  }
  const absl::Time now = absl::Now();
  auto reading = arguments->journal ? ReadJournalFile(*arguments->journal, arguments->client)
                                    : AskJournal(arguments->client, now - arguments->since);
  if (!reading.ok()) {
    std::fprintf(stderr, "dnspin: %s\n", std::string(reading.status().message()).c_str());
    return 3;
  }
  const absl::Time end = arguments->journal ? EndOf(reading->events, now) : now;
  const std::string source = !arguments->journal          ? "the journal"
                             : *arguments->journal == "-" ? "stdin"
                                                          : *arguments->journal;
  const ReportTerms terms{arguments->client,     source, {end - arguments->since, end},
                          absl::LocalTimeZone(), now,    reading->lines,
                          reading->cut};
  const std::string page = ReportPage(terms, std::move(reading->events));
  const bool written = std::fwrite(page.data(), 1, page.size(), stdout) == page.size();
  return written && std::fflush(stdout) == 0 ? 0 : 3;
}

}  // namespace dnspin
