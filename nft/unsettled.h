#pragma once
// Knows: which clients' rules are not clear yet, because dom0 is in the middle of writing their two
// targets, and for how long what was in force for them stays. Touches nothing.

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "nft/desired.h"
#include "pinning/clock.h"

namespace dnspin {

class Unsettled {
 public:
  static constexpr std::chrono::seconds kMax{1};

  // Such clients of `desired` keep what is in force for them, but for no longer than kMax; then
  // what was written last counts, and a warning says so.
  void Keep(Desired& desired, const Desired& in_force, BootTime now);

  // When the next of them has waited for long enough.
  std::optional<BootTime> NextDeadline() const { return settle_at_; }
  // True, once, if that is now.
  bool TakeDue(BootTime now);

  // Whether a client of this address was kept as it was, the last time.
  bool Keeps(const Address& address) const { return kept_.contains(address); }

 private:
  std::map<std::string, BootTime> since_;  // by interface, which is one qube's
  std::optional<BootTime> settle_at_;
  std::set<Address> kept_;
};

}  // namespace dnspin
