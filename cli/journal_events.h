#pragma once
// Knows: the lines that dnspind writes, as `journalctl -o json` prints them and as they leave
// stderr
// (`<6>pinned ...`, a time by RFC 3339 before it or none). Whoever wrote them, they are not
// trusted. Touches nothing.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace dnspin {

enum class EventKind : uint8_t { kPinned, kRefused, kRevoked, kBlocked, kError, kLeftOut };

struct JournalEvent {
  EventKind kind = EventKind::kError;
  std::optional<absl::Time> at;  // stderr has none
  std::string name;              // what was pinned, refused or revoked, as dnspind escaped it
  std::string address;           // what was pinned or revoked
  uint32_t life_s = 0;           // of what was pinned
  uint32_t rule = 0;             // that it was pinned under; 0: not told
  std::string reason;            // why refused, or the words of what went wrong
  uint64_t lines_left_out = 0;
  bool operator==(const JournalEvent&) const = default;
};

constexpr size_t kNameTextMax = 1024;  // as the journal's fields are cut
constexpr size_t kReasonTextMax = 512;
constexpr uint32_t kLifeSecondsMax = 30 * 86400;
constexpr uint64_t kLeftOutMax = 1'000'000'000;

// What a line tells of `client`; nothing if it tells of another, or is none of dnspind's.
std::optional<JournalEvent> ReadJournalLine(std::string_view line, std::string_view client);

}  // namespace dnspin
