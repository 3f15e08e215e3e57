#pragma once
// Knows: the reader of the firewall's log, a process without any power, and whose packets it speaks
// of. Nothing hangs on it: where there is none, `blocked` knows less. Touches: the launcher's
// socket, the log's, and the reader's channel.

#include <optional>

#include "io/descriptor.h"
#include "io/reactor.h"
#include "nft/journal.h"
#include "nft/launcher_link.h"
#include "nft/netlink_socket.h"
#include "nft/served_client.h"
#include "pinning/clock.h"
#include "pinning/token_bucket.h"

namespace dnspin {

class LogService {
 public:
  // All outlive the service. `logs`: there are rules that log; else there is no reader, ever.
  LogService(LauncherLink& launcher, Reactor& reactor, Journal& journal, bool logs)
      : launcher_(launcher), reactor_(reactor), journal_(journal), logs_(logs) {}

  // Starts a reader if there is none and it is time; takes what it said since.
  void Settle(ServedClients& clients, BootTime now);
  std::optional<BootTime> NextDeadline() const;
  // Of its reader; 0: there is none now; nothing: nor will there be.
  std::optional<int> pid() const {
    return logs_ ? std::optional(reader_ != 0 ? pid_ : 0) : std::nullopt;
  }

 private:
  static constexpr std::chrono::milliseconds kPauseMin{100};

  absl::Status Start(BootTime now);
  void Take(ServedClients& clients, BootTime now);
  void End(const std::string& why, BootTime now);
  void Complain(const std::string& why, BootTime now);

  LauncherLink& launcher_;
  Reactor& reactor_;
  Journal& journal_;
  bool logs_;
  uint32_t reader_ = 0;  // the launcher's number; 0: there is none
  uint32_t next_reader_ = kFirstReader;
  std::optional<NetlinkSocket> log_;
  Descriptor channel_;
  Watch watch_;
  bool readable_ = false;
  TokenBucket rate_{100'000, 20'000};  // packets: 20 a second for each rule that logs
  int pid_ = 0;
  BootTime started_;
  BootTime start_at_;
  std::chrono::milliseconds pause_ = kPauseMin;  // before the next
  std::string complaint_;                        // the last one: it is said once

  static constexpr uint32_t kFirstReader = 1U << 31;  // far from those of clients
};

}  // namespace dnspin
