#pragma once
// Knows: what of an answer may reach a client's eyes and its firewall, as the oracle sees it.

#include "fuzz/answer_oracle.h"
#include "pinning/answer.h"

namespace dnspin {

// Judges and encodes `answer` under a policy that the message's ID chooses, and holds the octets
// that would leave, and the addresses that would be pinned, against the oracle. `message` is the
// oracle's own reading of the same octets.
void CheckTold(const Answer& answer, const oracle::Message& message);

}  // namespace dnspin
