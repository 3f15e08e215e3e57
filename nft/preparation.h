#pragma once
// Knows: how a client that is to be served comes to be one: its policy, its place in the world, its
// groups of rules. Touches routes, by way of the surroundings.

#include "nft/desired.h"
#include "nft/served_client.h"
#include "nft/surroundings.h"

namespace dnspin {

// The client under the policy that is wanted. `before`: as it is now, null if it is new. `drops`:
// what is known of its dropped names.
ServedClient Prepare(const Desired& desired, const DesiredClient& wanted,
                     const ServedClient* before, DropNames drops, const Surroundings& surroundings);

// What follows from a policy that is new to this client.
void Complete(ServedClient& client, const ServedClient* before);

// Each rule that names one of `lists` has it from now on. Returns those.
NetworkLists GiveNetworks(const NetworkLists& lists, RuleList& rules);

// The client's place in the world: its interfaces, our addresses, the upstreams. True if that is
// not what its policy said.
bool Place(ServedClient& client, const Surroundings& surroundings);

// True if nothing follows for the kernel from `next`, as Prepare() made it: its rules and pins
// stand as they do under `before`.
bool DiffersInPlaceOnly(ServedClient& next, const ServedClient& before);

// True if `wanted` under these terms is what `before` is, but perhaps for its place: it need not be
// prepared. `now`, `then`: what all clients have in common.
bool HaveSameTerms(const Desired& now, const Desired& then);
bool IsUntouched(const DesiredClient& wanted, const ServedClient& before,
                 const Surroundings& surroundings);

// Of each pin set: twice the quota, since expired elements count until they are collected. More if
// there was a larger quota before, or nothing could be changed until its pins have ended.
uint32_t SetSizeFor(const ServedClient& client, const Ledger& held);

}  // namespace dnspin
