#pragma once
// Knows: the clients that are to be served and how the firewall, their readers, their pins and
// their flows follow when that changes. Touches: the firewall, the launcher, routes, conntrack.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nft/adoption.h"
#include "nft/desired.h"
#include "nft/firewall.h"
#include "nft/journal.h"
#include "nft/live_flows.h"
#include "nft/queue_numbers.h"
#include "nft/reader_service.h"
#include "nft/served_client.h"
#include "nft/surroundings.h"

namespace dnspin {

class Roster {
 public:
  // All outlive the roster.
  Roster(Firewall& firewall, Routes& routes, ReaderService& readers, Journal& journal)
      : firewall_(firewall),
        readers_(readers),
        journal_(journal),
        queues_(readers.isolation() == Isolation::kShared),
        surroundings_(routes, journal) {}

  // From what an earlier dnspind has left in the kernel to `desired`: its pins, doors and flows go
  // on where the rules still allow them.
  absl::Status Begin(const Desired& desired, BootTime now);

  // From what is to `desired`: one transaction, of the clients that differ alone; pins that a rule
  // still allows move along, flows that none allows are cut. Failed: all is as it was, but for
  // kDataLoss: the kernel may hold some of it.
  absl::Status Change(const Desired& desired, BootTime now);

  // Other servers are to be asked from now on. Fails as Change() does.
  absl::Status FollowUpstreams(std::vector<Endpoint> upstreams, BootTime now);

  // Whatever others have made of it, the kernel is as it was. `after_a_gap`: packets may have
  // passed against the rules, and no flow that they began goes on. `past_the_doors`: so may have
  // questions; flows of DNS are forgotten, and answers under way with them.
  absl::Status Restore(bool after_a_gap, bool past_the_doors, BootTime now);

  // Lets those in whose doors would not open when they came, if it is time to try again. Fails as
  // Change() does.
  absl::Status LetIn(BootTime now);

  // Routes or addresses of this machine have changed: clients and readers learn where they are now.
  void FollowRoutes(BootTime now);

  // The client's chain refuses more than it did; CutRefusedFlows looks for what that ends.
  void DoubtFlows(ClientId client) { flows_.Doubt(client); }
  // The client's pins, and the flows that began by them, go; its rules stay. How many pins. Fails
  // as Change() does.
  absl::StatusOr<size_t> Flush(ClientId client, BootTime now);
  // Tries again, after a pause, what could not be cut.
  void CutRefusedFlows(BootTime now);
  std::optional<BootTime> NextDeadline() const;  // of the next try

  // Everybody has had their turn: from a kernel that had nothing, a few are let in at a time.
  bool IsComplete() const { return !starting_; }

  // Another number whenever clients have come, or have other rules.
  uint64_t revision() const { return revision_; }

  const Desired& desired() const { return desired_; }  // what is in force
  ServedClients& clients() { return clients_; }
  const ServedClients& clients() const { return clients_; }
  const std::vector<Upstream>& upstreams() const { return surroundings_.upstreams(); }

 private:
  // What a change of the desired makes of the clients; those it does not name stay as they are.
  struct Changes {
    ServedClients changed;            // under their new policy
    std::vector<ClientId> elsewhere;  // nothing changes but where they are, and who is beside them
    ServedClients arrived;
    std::vector<ClientId> gone;
    bool more_arrive = false;  // with the next change
    RulesetChange kernel;
  };

  void CutDoubted(BootTime now);
  void OpenDoors(ServedClients& arrived, const Inheritance* inheritance, BootTime now);
  bool AllAreIn() const { return clients_.size() == desired_.clients.size(); }
  bool WaitsForReaders() const { return starting_ && !readers_.AllHaveStarted(); }
  Changes Compare(const Desired& desired, BootTime now);
  std::vector<const ServedClient*> AllAfter(const Changes& changes) const;
  void TakeOver(Changes& changes, bool terms_changed, BootTime now);
  void Move(ServedClient& client, BootTime now);
  void SayOfQube(const ServedClient& client, std::string_view what, BootTime now);

  Firewall& firewall_;
  ReaderService& readers_;
  Journal& journal_;

  Desired desired_;  // what is in force
  ServedClients clients_;
  LiveFlows flows_;
  std::optional<BootTime> cut_again_at_;  // the last try failed
  BootTime let_in_at_;  // whoever is still outside, for want of a door; not before
  BootClock::duration let_in_pause_{};
  bool starting_ = false;    // not IsComplete()
  bool head_start_ = false;  // is to be given to who is in
  uint32_t next_client_ = 1;
  QueueNumbers queues_;
  uint64_t revision_ = 0;
  Surroundings surroundings_;
};

}  // namespace dnspin
