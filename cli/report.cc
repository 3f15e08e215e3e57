// A page about one client, of what the log says.

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>

#include "absl/time/clock.h"
#include "cli/commands.h"
#include "cli/journal_source.h"
#include "cli/report_page.h"

namespace dnspin {
namespace {

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

// Of a file the newest line: it may be of yesterday.
absl::Time EndOf(const std::vector<JournalEvent>& events, absl::Time now) {
  std::optional<absl::Time> newest;
  for (const JournalEvent& event : events) {
    newest = event.at && (!newest || *newest < *event.at) ? event.at : newest;
  }
  return newest.value_or(now);
}

}  // namespace

Shown RunReport(const Call& call) {
  const std::string client = call.Argument(0);
  if (!IsClientName(client)) {
    return absl::InvalidArgumentError("no client is called that");
  }
  const std::string* const back = call.Option("--since");
  const auto since = ReadSince(back != nullptr ? *back : "24h");
  if (!since) {
    return absl::InvalidArgumentError("a time back is like 45m, 1h or 24h, 7d at most");
  }
  const std::string* const file = call.Option("--journal");
  const absl::Time now = absl::Now();
  auto reading =
      file != nullptr ? ReadJournalFile(*file, client) : AskJournal(client, now - *since);
  if (!reading.ok()) {
    const std::string message(reading.status().message());
    return file != nullptr ? absl::FailedPreconditionError(message)
                           : absl::UnavailableError(message);
  }
  if (reading->events.empty()) {  // a page all the same: that nothing was said is an answer
    std::fprintf(stderr, "dnspin: the log has nothing of %s in that time\n", client.c_str());
  }
  const absl::Time end = file != nullptr ? EndOf(reading->events, now) : now;
  const std::string source = file == nullptr ? "the journal" : *file == "-" ? "stdin" : *file;
  const ReportTerms terms{client, source,         {end - *since, end}, absl::LocalTimeZone(),
                          now,    reading->lines, reading->cut};
  return ReportPage(terms, std::move(reading->events));
}

}  // namespace dnspin
