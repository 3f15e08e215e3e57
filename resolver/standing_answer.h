#pragma once
// Knows: what an upstream's answer means for a name that is resolved although nobody asked
// (design.md 3, "Drop by name", "Exact names"). Pure functions.

#include <chrono>
#include <optional>
#include <vector>

#include "pinning/channel_message.h"
#include "resolver/client_policy.h"
#include "resolver/inquiry.h"
#include "resolver/standing_questions.h"

namespace dnspin {

inline constexpr size_t kPrefetchNamesMax = 256;  // of one client

// What is to be resolved for this client unasked, in the families that it has.
std::vector<StandingQuestion> StandingQuestionsOf(const ClientPolicy& policy);

struct DefiniteAnswer {
  std::vector<Address> addresses;  // at the end of the lineage, whatever their kind
  std::chrono::seconds life{0};    // until it is to be asked anew
};

// Nothing if nothing definite was said: a failure, SERVFAIL, REFUSED, an answer that makes no
// sense.
std::optional<DefiniteAnswer> Definite(const UpstreamResult& result, const PinTerms& terms);

// What is answered here and never asked of an upstream, if `name` is of that kind.
bool IsOurs(const Name& name, uint16_t type);

// As messages to dnspind, one behind the other.
std::vector<DropAddresses> PiecesOf(const Name& name, Family family, uint32_t generation,
                                    const std::vector<Address>& addresses);

// How long a name that was pinned with this TTL told may wait: well within its pins' life.
std::chrono::seconds PrefetchedAgainAfter(std::chrono::seconds told, const PinTerms& terms);

}  // namespace dnspin
