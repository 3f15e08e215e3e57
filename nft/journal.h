#pragma once
// Knows: systemd's native journal protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL) and the fields of
// our events. Touches: the journal's socket, or stderr with `<N>` priorities where there is none.
// Never waits: what the journal does not take at once is counted.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/descriptor.h"
#include "pinning/clock.h"
#include "pinning/token_bucket.h"

namespace dnspin {

enum class Priority : int { kCritical = 2, kError = 3, kWarning = 4, kNotice = 5, kInfo = 6 };

struct Event {
  Priority priority = Priority::kInfo;
  std::string message;  // one line; untrusted parts are escaped by who made it
  std::string kind;     // DNSPIN_EVENT: pinned, refused, revoked, blocked, error; or empty
  std::string client;   // DNSPIN_CLIENT, and whose budget it is; empty: nobody's
  std::vector<std::pair<std::string_view, std::string>> fields;  // further ones, "DNSPIN_NAME", ...
};

class Journal {
 public:
  static constexpr const char* kSocketPath = "/run/systemd/journal/socket";

  // Uses the socket if it is there now, else stderr; stderr also while the journal has gone.
  explicit Journal(std::string socket_path = kSocketPath);

  void Write(const Event& event, BootTime now);
  // The same for an event of `client` that is only made if there is room for its line.
  template <typename Make>
  void Write(const std::string& client, BootTime now, Make make) {
    if (Spend(client, now)) {
      Send(make());
    }
  }
  void Say(Priority priority, std::string message, BootTime now);

  // Counts lines of a client that never came here, its reader having had too many.
  void LeaveOut(const std::string& client, uint64_t lines, BootTime now);

  // Says, for each client over its budget since the last call, how many lines were left out.
  void TellDropped(BootTime now);

  uint64_t dropped() const { return dropped_; }

 private:
  struct Budget {
    TokenBucket lines{200, 20};
    BootTime used;
    uint64_t dropped = 0;
  };

  bool Spend(const std::string& client, BootTime now);
  void Send(const Event& event);
  bool SendEntry(const Event& event);
  void SendLine(const Event& event);

  const std::string path_;
  Descriptor socket_;
  std::map<std::string, Budget> budgets_;
  uint64_t dropped_ = 0;
};

}  // namespace dnspin
