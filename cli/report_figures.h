#pragma once
// Knows: what a report counts. Touches nothing.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cli/journal_events.h"

namespace dnspin {

struct TimeSpan {
  absl::Time begin;
  absl::Time end;
  absl::Duration length() const { return end - begin; }
};

// How many lines of each kind; blocked and error count together as trouble.
struct LineCounts {
  uint64_t pinned = 0;
  uint64_t refused = 0;
  uint64_t revoked = 0;
  uint64_t trouble = 0;
  void Count(EventKind kind);
  uint64_t sum() const { return pinned + refused + revoked + trouble; }
};

struct NameFigures {
  std::string name;
  LineCounts lines;
  size_t addresses = 0;
};

struct Refusal {
  std::string name;
  std::string reason;
  uint64_t lines = 0;
  std::optional<absl::Time> first;
  std::optional<absl::Time> last;
};

// An address under a name: when it was open, as far as its lines say, one life behind the other.
struct PinnedAddress {
  std::string name;
  std::string address;
  uint32_t rule = 0;  // of its last line
  uint64_t lines = 0;
  bool revoked = false;  // its last life ended so
  std::vector<TimeSpan> lives;
  absl::Duration open() const;
};

struct Trouble {
  std::optional<absl::Time> at;
  bool blocked = false;
  std::string words;
};

struct Figures {
  TimeSpan period;
  absl::Duration step;            // of what follows
  std::vector<LineCounts> steps;  // the first begins at first_step, not after the period
  absl::Time first_step;
  LineCounts lines;
  std::vector<NameFigures> names;     // the most lines first
  std::vector<Refusal> refusals;      // the same
  std::vector<PinnedAddress> pinned;  // the longest open first
  std::vector<Trouble> troubles;      // the newest first
  uint64_t left_out = 0;              // by the budget of the log
  uint64_t without_time = 0;          // counted, but in no step and no life
};

// Of the events in the period, and of those without a time. Steps are round times of `zone`.
Figures CountEvents(std::vector<JournalEvent> events, TimeSpan period, const absl::TimeZone& zone);

}  // namespace dnspin
