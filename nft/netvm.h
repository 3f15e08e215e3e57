#pragma once
// Knows: what changes by itself in a netvm of Qubes OS, where rules are dom0's and clients are the
// qubes that are there: when they are to be looked at anew, and what others are told of it.
// Touches: the source of rules, the kernel's sets and routes, the journal.

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "nft/desired.h"
#include "nft/handled_targets.h"
#include "nft/journal.h"
#include "nft/published_names.h"
#include "nft/route.h"
#include "nft/ruleset_watch.h"
#include "nft/served_client.h"
#include "nft/unsettled.h"
#include "pinning/rule_source.h"
#include "pinning/vif.h"

namespace dnspin {

class Netvm {
 public:
  // All outlive it.
  Netvm(RuleSource& source, RulesetWatch& ruleset_watch, Routes& routes, Journal& journal)
      : source_(source),
        ruleset_watch_(ruleset_watch),
        routes_(routes),
        journal_(journal),
        names_(source),
        handled_(source) {}

  int fd() const { return source_.fd(); }

  // Waits for dom0's rules, but not for ever: without them nobody is a client, and nothing passes.
  void Await(Clock& clock);

  // Takes what dom0 says and looks who is there, where that may have changed. True if the clients
  // are to be made anew.
  bool Look(bool routes_changed, BootTime now);
  const std::vector<Vif>& vifs() const { return vifs_; }
  std::optional<BootTime> NextDeadline() const;

  // Clients whose targets of the two families disagree keep their rules for a moment.
  void KeepUnsettled(Desired& desired, const Desired& in_force, BootTime now) {
    unsettled_.Keep(desired, in_force, now);
  }

  // What was said up to the last Look() is in force.
  void TellHandled();
  // What the names in dom0's rules resolve to now.
  void TellNames(const ServedClients& clients, BootTime now) { names_.Tell(clients, now); }

 private:
  bool FollowVifs(bool routes_changed, BootTime now);
  absl::Status LookAtVifs();

  RuleSource& source_;
  RulesetWatch& ruleset_watch_;
  Routes& routes_;
  Journal& journal_;
  PublishedNames names_;
  std::vector<Vif> vifs_;
  bool blind_ = false;  // who is there could not be seen, and that was said
  std::optional<BootTime> look_again_at_;
  Unsettled unsettled_;
  HandledTargets handled_;
};

}  // namespace dnspin
