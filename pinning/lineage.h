#pragma once
// Knows: which records of an answer descend from its question, and which addresses that makes
// reachable. A pure function of the answer; the policy is not asked here.

#include <cstdint>
#include <variant>
#include <vector>

#include "pinning/address.h"
#include "pinning/answer.h"

namespace dnspin {

struct Lineage {
  std::vector<Name> names;  // the asked name first, then each alias target; the last is the end
  std::vector<Record>
      records;  // the chain and, with NOERROR, the end's records of the type asked, each once
  std::vector<Address> addresses;  // of those records, each once; for A and AAAA questions only
  uint32_t ttl = 0;                // the smallest along `records`; 0 if there are none
};

enum class LineageError { kLoop, kTwoAliases, kTooLong, kTooManyRecords, kBadAlias };

inline constexpr size_t kLineageLinksMax = 16;
inline constexpr size_t kAnswerRecordsMax = 256;

std::variant<Lineage, LineageError> Walk(const Answer& answer);

}  // namespace dnspin
