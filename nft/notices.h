#pragma once
// Knows: what was said of the configuration in force, so that it is not said again with each change
// of dom0's. Touches: the journal.

#include <map>
#include <set>
#include <string>

#include "nft/desired.h"
#include "nft/journal.h"
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

}  // namespace dnspin
