#pragma once
// Knows: which DNSSEC records of an answer belong to what is told of it. Nothing is validated here.
// Touches nothing.

#include "pinning/answer.h"
#include "resolver/reply.h"

namespace dnspin {

// Adds the signatures of the record sets in `reply`, and the proofs (NSEC, NSEC3) of what is not
// there, with theirs. The set at `changed` of the type asked is not what was signed any more: its
// signatures stay behind (null: nothing was changed).
void AddSignatures(const Answer& answer, const Name* changed, Reply& reply);

}  // namespace dnspin
