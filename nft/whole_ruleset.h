#pragma once
// Knows: what the kernel is to hold of all clients as they are served. Arithmetic.

#include <vector>

#include "nft/desired.h"
#include "nft/ruleset.h"
#include "nft/served_client.h"
#include "pinning/clock.h"

namespace dnspin {

Ruleset RulesetOf(const Desired& desired, const std::vector<const ServedClient*>& all,
                  BootTime now);

// What of it is in maps and sets that all clients share.
SharedElements ElementsOf(const RulesetTerms& terms,
                          const std::vector<const ServedClient*>& clients);

// Two terms that differ in elements of sets alone.
bool AreAlike(const RulesetTerms& before, const RulesetTerms& after);

}  // namespace dnspin
