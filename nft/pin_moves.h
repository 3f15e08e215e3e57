#pragma once
// Knows: what becomes of a client's pins when its rules change: those that a rule still allows move
// to the sets of the rules that now list their names, the others go. Arithmetic.

#include <vector>

#include "nft/ruleset.h"
#include "nft/served_client.h"

namespace dnspin {

struct PinMoves {
  Ledger after{PinTerms{}};
  std::vector<PinElement> added;  // not in the kernel's set of that name, or with another comment
  std::vector<GonePin> gone;      // of sets that stay
};

// `before` as it is; `after` is the same client under its new policy, its ledger still empty.
PinMoves MovePins(const ServedClient& before, const ServedClient& after, BootTime now);

// The elements that a ledger says are in the kernel.
std::vector<PinElement> ElementsOf(const ServedClient& client, const Ledger& ledger, BootTime now);

}  // namespace dnspin
