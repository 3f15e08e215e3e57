#pragma once
// Knows: what is said of a change of the configuration, and what was said before, so that it is not
// said again with each change of dom0's. Touches: the journal.

#include <map>
#include <set>
#include <string>

#include "nft/desired.h"
#include "nft/journal.h"
#include "nft/served_client.h"
#include "pinning/clock.h"

namespace dnspin {

class Notices {
 public:
  explicit Notices(Journal& journal) : journal_(journal) {}  // which outlives it

  // Warnings, and clients that are blocked because their rules do not parse: those that are new;
  // all where somebody has asked for a reading of all.
  void Say(const Desired& desired, Reading reading, BootTime now);

 private:
  void SayBlocked(const Desired& desired, BootTime now);

  Journal& journal_;
  std::set<std::string> warned_;
  std::map<std::string, std::string> blocked_;  // clients by name, and why
};

// The pins of a client that its new rules do not list any more.
void LogRevoked(Journal& journal, const ServedClient& before, const ServedClient& after,
                BootTime now);

}  // namespace dnspin
