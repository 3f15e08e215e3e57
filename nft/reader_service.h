#pragma once
// Knows: which readers (dnspin-resolver) there are, whom each serves, and when a dead one is
// started anew: each client has one of its own, or all share one. Touches: the launcher's socket
// and the clients' channels.

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nft/journal.h"
#include "nft/launcher_link.h"
#include "nft/reader_end.h"
#include "nft/served_client.h"
#include "pinning/clock.h"

namespace dnspin {

enum class Isolation : uint8_t {
  kClient,  // a reader that its client has broken is nobody else's
  kShared,
};

class ReaderService {
 public:
  // All outlive the service.
  ReaderService(LauncherLink& launcher, Reactor& reactor, Journal& journal,
                WritePolicy write_policy, Isolation isolation)
      : launcher_(launcher),
        reactor_(reactor),
        journal_(journal),
        write_policy_(std::move(write_policy)),
        isolation_(isolation) {}

  // The client's listening sockets; they outlive its readers. On `port_wished` if that is free, or
  // becomes so in a moment: an earlier dnspind's readers may be about to end.
  absl::Status OpenDoor(ServedClient& client, uint16_t port_wished);

  // The client is no more: its sockets go with the next Restart, and the reader that was its own.
  void Dismiss(const ServedClient& client);

  // The client is to be handed to its reader by the next Restart, or one soon after: a few at a
  // time, and few readers start at once, so that those who are served already do not wait for many
  // who come.
  void ServeSoon(const ServedClient& client) { to_serve_.push_back(client.id); }
  bool AllAreServed() const { return to_serve_.empty(); }
  bool AllHaveStarted() const { return to_serve_.empty() && starting_.empty(); }
  void SendPolicy(ServedClient& client, BootTime now);  // after each change of client.policy

  // What was confirmed may be gone: readers tell it no more before it was confirmed again.
  void DoubtPins(const ServedClients& clients);
  void DoubtPins(const ServedClient& client);

  // Whose readers have said something since the last call; a few may have gone meanwhile. Who has
  // more to say than was taken is to be named again.
  std::vector<ClientId> TakeSpeaking() { return std::exchange(speaking_, {}); }
  void SpeaksOn(const ServedClient& client) { speaking_.push_back(client.id); }
  bool AnySpeaks() const { return !speaking_.empty(); }

  // The client's channel is of no use any more: its reader is killed, and all its clients wait.
  void EndReaderOf(ServedClient& client, const std::string& why, ServedClients& clients,
                   BootTime now);

  // Notes what the launcher says has ended. An error: the launcher itself has.
  absl::Status TakeExits(ServedClients& clients, BootTime now);

  // Ends what is to end, again and again until the launcher could; then serves some of the clients
  // that wait, also those whose time it is to try again.
  void Restart(ServedClients& clients, BootTime now);
  std::optional<BootTime> NextDeadline() const;

  Isolation isolation() const { return isolation_; }
  bool launcher_lost() const { return launcher_.lost(); }
  std::map<uint32_t, int> Pids() const;  // by reader
  const ReaderTally& tally() const { return tally_; }

 private:
  // Of one client's readers, or of everybody's: the one there is, and how those before it fared.
  struct Seat {
    uint32_t reader = 0;  // our number; 0: none now
    uint32_t former = 0;  // the one before, which may live on until it is killed
    int pid = 0;
    BootTime started;
    uint32_t failures = 0;  // readers in a row that did not live long
    std::optional<BootTime> restart_at;
    std::weak_ptr<HeldQueue> queue;  // of whom this reader serves, while one of them is held
  };

  // Hands the client to the reader that is to serve it, with its policy; starts that reader if it
  // does not run. On failure the client waits until its seat's time.
  void Serve(ServedClient& client, BootTime now);
  void QueueWhoIsDue(const ServedClients& clients, BootTime now);
  Seat& SeatOf(const ServedClient& client);
  absl::Status Fill(Seat& seat, const ServedClient& client, BootTime now);
  absl::Status TryServe(ServedClient& client, Seat& seat, BootTime now);
  absl::Status TrySendPolicy(ServedClient& client);
  absl::Status TrySendQueue(ServedClient& client);
  void Leave(uint32_t reader, ServedClients& clients, BootTime now);
  void EndWhatIsDue(BootTime now);
  void DropForgotten(BootTime now);
  bool MayServe() const;

  LauncherLink& launcher_;
  Reactor& reactor_;
  Journal& journal_;
  WritePolicy write_policy_;
  const Isolation isolation_;
  std::map<uint32_t, Seat> seats_;         // by client; 0: everybody's
  std::map<uint32_t, std::string> whose_;  // client of each reader whose end will be news
  std::deque<ClientId> to_serve_;
  std::map<uint32_t, BootTime> starting_;  // readers of whom nothing was heard yet, for so long
  std::vector<ClientId> speaking_;
  std::set<uint32_t> doors_to_close_;  // by client
  std::set<uint32_t> readers_to_kill_;
  BootTime end_at_;   // these two, not before
  BootTime drop_at_;  // what was forgotten in queues, not before
  uint32_t next_reader_ = 1;
  int waits_for_doors_ = 50;  // are left, for all of them together
  ReaderTally tally_;
};

}  // namespace dnspin
