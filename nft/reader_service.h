#pragma once
// Knows: which readers (dnspin-resolver) there are, whom each serves, and when a dead one is
// started anew. Touches: the launcher's socket and the clients' channels.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nft/journal.h"
#include "nft/launcher_link.h"
#include "nft/served_client.h"
#include "pinning/clock.h"

namespace dnspin {

class ReaderService {
 public:
  // All outlive the service.
  ReaderService(LauncherLink& launcher, Reactor& reactor, Journal& journal,
                WritePolicy write_policy)
      : launcher_(launcher),
        reactor_(reactor),
        journal_(journal),
        write_policy_(std::move(write_policy)) {}

  // The client's listening sockets; they outlive its readers. On `port_wished` if that is free, or
  // becomes so in a moment: an earlier dnspind's readers may be about to end.
  absl::Status OpenDoor(ServedClient& client, uint16_t port_wished);
  void CloseDoor(const ServedClient& client);

  // Hands the client to the reader that is to serve it, with its policy; starts that reader if it
  // does not run. On failure the client waits for the next Restart.
  void Serve(ServedClient& client, BootTime now);
  void SendPolicy(ServedClient& client, BootTime now);  // after each change of client.policy

  // The client's channel is of no use any more: its reader is killed, all its clients wait.
  void EndReaderOf(ServedClient& client, const std::string& why, ServedClients& clients,
                   BootTime now);

  // Notes what the launcher says has ended. An error: the launcher itself has.
  absl::Status TakeExits(ServedClients& clients, BootTime now);

  // Serves clients that wait, if it is time to try again.
  void Restart(ServedClients& clients, BootTime now);
  std::optional<BootTime> NextDeadline() const { return restart_at_; }

  std::map<uint32_t, int> Pids() const;  // by reader
  uint64_t restarted() const { return restarted_; }

 private:
  struct Reader {
    int pid;
    BootTime started;
  };

  absl::StatusOr<uint32_t> ReaderFor(const ServedClient& client, BootTime now);
  absl::Status TryServe(ServedClient& client, BootTime now);
  absl::Status TrySendPolicy(ServedClient& client);
  void Leave(uint32_t reader, ServedClients& clients, BootTime now);

  LauncherLink& launcher_;
  Reactor& reactor_;
  Journal& journal_;
  WritePolicy write_policy_;
  std::map<uint32_t, Reader> readers_;  // by our number
  uint32_t next_reader_ = 1;
  int waits_for_doors_ = 50;  // are left, for all of them together
  uint32_t failures_ = 0;     // readers in a row that did not live long
  std::optional<BootTime> restart_at_;
  uint64_t restarted_ = 0;
};

}  // namespace dnspin
