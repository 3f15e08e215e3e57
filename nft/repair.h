#pragma once
// Knows: when the kernel may not hold what it should, and when it does again. Touches: events of
// the ruleset, the firewall by way of the roster, the journal.

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "nft/journal.h"
#include "nft/roster.h"
#include "nft/ruleset_watch.h"
#include "pinning/clock.h"

namespace dnspin {

class Repair {
 public:
  // All outlive it. `doubt` is called before anything is done about what may not be there.
  Repair(RulesetWatch& watch, Roster& roster, Journal& journal, Clock& clock,
         std::function<void()> doubt)
      : watch_(watch),
        roster_(roster),
        journal_(journal),
        clock_(clock),
        doubt_(std::move(doubt)),
        slept_(clock.Slept()) {}

  // Puts right what others have done since the last look, and what is due. True if all is again as
  // it was, though it may not have been so before.
  bool LookForDisturbance(BootTime now);

  // Kernel timers stand still while the machine sleeps; TTLs do not.
  void LookForSleep(BootTime now);

  // The kernel said no, or nothing, or more than could be heard: what it holds is compared, though
  // not at every such answer.
  void CompareSoon(BootTime now);

  // As above; and until that is done nothing counts as confirmed.
  void Distrust(BootTime now);

  // What was confirmed may not be there any more: nothing is to be told.
  bool unsure() const { return unsure_; }
  std::optional<BootTime> NextDeadline() const { return restore_at_; }

 private:
  bool Restore(const std::string& why, bool disturbed, BootTime now);

  RulesetWatch& watch_;
  Roster& roster_;
  Journal& journal_;
  Clock& clock_;
  std::function<void()> doubt_;
  std::optional<BootTime> restore_at_;
  BootClock::duration restore_pause_{};
  BootTime compare_not_before_;
  bool unsure_ = false;
  BootClock::duration slept_;
};

}  // namespace dnspin
