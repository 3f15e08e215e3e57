#pragma once
// Knows: what the control socket's requests are and what their replies look like (JSON). Touches
// nothing: it shows what it is given.

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nft/control_client.h"
#include "nft/learning.h"
#include "nft/reader_end.h"
#include "nft/served_client.h"
#include "pinning/clock.h"

namespace dnspin {

// What dnspind lets be seen.
struct ControlView {
  const ServedClients& clients;
  const std::vector<Upstream>& upstreams;
  std::map<uint32_t, int> reader_pids;  // by reader
  std::string refresh_way;              // "in place" or "add, delete, add"
  std::string mode;                     // "answer" or "snoop"
  std::chrono::seconds uptime{0};
  ReaderTally readers;
  uint64_t commits_failed = 0;
  uint64_t log_lines_dropped = 0;
  uint64_t reloads = 0;
  BootTime now;
  std::optional<int> log_reader_pid;  // 0: none now; nothing: the kernel cannot log
  std::function<absl::Status()> reload{};
  control::FindFlows find_flows{};
  std::function<double(uint64_t CountersReport::*)> rate{};  // a second, lately
  std::map<std::string, Learning::Lesson> lessons{};         // by client
  // Over at once, if it is over by now.
  std::function<absl::Status(const std::string& client, const Learning::Lesson&)> learn{};
  std::function<absl::StatusOr<size_t>(ClientId)> flush{};  // how many pins
};

// One reply to one request line (docs/control.md); never more than JSON text with a final line
// break. Bad requests get {"error": "..."}.
std::string ReplyToControl(const std::string& request, const ControlView& view);

}  // namespace dnspin
