#include "resolver/negative_answer.h"

#include <algorithm>

#include "resolver/octets.h"

namespace dnspin {
namespace {

constexpr size_t kSoaOctetsMin = 22;  // two root names and five numbers
constexpr size_t kMinimumOctets = 4;  // the last of them

}  // namespace

const Record* SoaFor(const Answer& answer, const Name& end) {
  const Record* closest = nullptr;
  for (const Record& record : answer.authority) {
    if (record.type == dns::kSoa && record.klass == dns::kIn && end.IsWithin(record.owner) &&
        record.rdata.size() >= kSoaOctetsMin &&
        (closest == nullptr || record.owner.IsBelow(closest->owner))) {
      closest = &record;
    }
  }
  return closest;
}

uint32_t NegativeTtl(const Record& soa) {
  OctetReader reader(AsOctets(soa.rdata), soa.rdata.size() - kMinimumOctets);
  return std::min({LowerTtl(soa.ttl), LowerTtl(reader.U32()), kNegativeTtlMax});
}

}  // namespace dnspin
