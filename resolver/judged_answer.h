#pragma once
// Knows: what of an upstream's answer may be told to a client, under its policy, and which
// addresses have to be pinned before. A pure function; the security decision about answers.
// Touches nothing.

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "pinning/address.h"
#include "pinning/clock.h"
#include "pinning/lineage.h"
#include "pinning/pin_life.h"
#include "resolver/client_policy.h"
#include "resolver/inquiry.h"
#include "resolver/reply.h"

namespace dnspin {

struct JudgedAnswer {
  Reply reply;                     // TTLs as of the moment the answer came
  uint32_t ttl = UINT32_MAX;       // the smallest in `reply.answer`
  std::vector<Address> addresses;  // in `reply`, and to be in the kernel before it is told
  std::vector<Name> targets;       // of a pinned name: what `reply` names, each once
  bool ours = false;               // made here: its TTLs do not age
};

JudgedAnswer JudgeAnswer(const UpstreamResult& result, const Inquiry& inquiry,
                         const Permission& permission, const ClientPolicy& policy);

struct ToldAnswer {
  Reply reply;
  std::chrono::seconds told{0};  // for pin requests
};

// The TTL that may be told of a pinned name `age` after the answer came.
std::chrono::seconds LeftToTell(const JudgedAnswer& judged, std::chrono::seconds age,
                                const PinTerms& terms);

// What is said `age` after the answer came. `listed`: its name is one that pins are made for, so
// that TTLs are bounded by the terms.
ToldAnswer Tell(const JudgedAnswer& judged, std::chrono::seconds age, bool listed,
                const PinTerms& terms);

}  // namespace dnspin
