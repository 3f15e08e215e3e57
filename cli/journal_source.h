#pragma once
// Knows: where dnspind's lines are found, and how much of them is read. Touches: a file, stdin, or
// what journalctl prints, which it starts without a shell and ends.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/journal_events.h"

namespace dnspin {

struct JournalReading {
  std::vector<JournalEvent> events;  // of one client, in no order
  uint64_t lines = 0;                // read, of all clients
  bool cut = false;                  // there was more, or it took too long
};

struct ReadingLimits {
  size_t events = 200'000;
  uint64_t octets = uint64_t{1} << 30;
  size_t line_octets = size_t{64} << 10;  // a longer line is passed over
  absl::Duration time = absl::Seconds(60);
};

// `path` "-" is stdin.
absl::StatusOr<JournalReading> ReadJournalFile(const std::string& path, const std::string& client,
                                               const ReadingLimits& limits = {});

// The newest first, so that it is the oldest that is cut.
absl::StatusOr<JournalReading> AskJournal(const std::string& client, absl::Time since,
                                          const ReadingLimits& limits = {});

}  // namespace dnspin
