#pragma once
// Knows: how figures look as one page: light or dark as its reader has it, without a script, and
// with nothing from elsewhere. Touches nothing.

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cli/journal_events.h"
#include "cli/report_figures.h"

namespace dnspin {

struct ReportTerms {
  std::string client;
  std::string source;  // "journal", or the file's path
  TimeSpan period;
  absl::TimeZone zone;
  absl::Time made;
  uint64_t lines_read = 0;
  bool cut = false;  // not all lines were read
};

std::string ReportPage(const ReportTerms& terms, std::vector<JournalEvent> events);

}  // namespace dnspin
