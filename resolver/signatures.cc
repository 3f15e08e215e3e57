#include "resolver/signatures.h"

#include <algorithm>

#include "resolver/octets.h"

namespace dnspin {
namespace {

constexpr size_t kSignerAt = 18;  // in the RDATA of RRSIG, behind its fixed fields

uint16_t CoveredBy(const Record& signature) { return OctetReader(AsOctets(signature.rdata)).U16(); }

// The zone that made this signature; nothing unless its owner is in that zone.
std::optional<Name> SignerOf(const Record& signature) {
  if (signature.rdata.size() <= kSignerAt) {
    return std::nullopt;
  }
  const std::string_view rest = std::string_view(signature.rdata).substr(kSignerAt);
  size_t octets = 0;
  while (octets < rest.size() && rest[octets] != 0) {
    octets += 1U + static_cast<uint8_t>(rest[octets]);
  }
  const auto signer = Name::FromWire(rest.substr(0, octets + 1));
  return signer && signature.owner.IsWithin(*signer) ? signer : std::nullopt;
}

// Appends to `kept` the signatures in `section` of the record sets that `kept` holds already.
void KeepSignatures(const std::vector<Record>& section, const Name* changed, uint16_t changed_type,
                    std::vector<Record>& kept, std::vector<Name>& signers) {
  const size_t sets = kept.size();
  for (const Record& record : section) {
    const auto signer = record.type == dns::kRrsig ? SignerOf(record) : std::nullopt;
    if (record.klass != dns::kIn || !signer) {
      continue;
    }
    const uint16_t covered = CoveredBy(record);
    if (changed != nullptr && *changed == record.owner && covered == changed_type) {
      continue;
    }
    const auto end = kept.begin() + static_cast<std::ptrdiff_t>(sets);
    const auto set = std::find_if(kept.begin(), end, [&](const Record& other) {
      return other.owner == record.owner && other.type == covered;
    });
    if (set == end) {
      continue;
    }
    const uint32_t ttl = std::min(record.ttl, set->ttl);
    kept.push_back(record);
    kept.back().ttl = ttl;
    if (std::find(signers.begin(), signers.end(), *signer) == signers.end()) {
      signers.push_back(*signer);
    }
  }
}

}  // namespace

void AddSignatures(const Answer& answer, const Name* changed, Reply& reply) {
  std::vector<Name> zones;
  KeepSignatures(answer.answer, changed, answer.type, reply.answer, zones);
  uint32_t ttl_max = UINT32_MAX;
  for (const Record& soa : reply.authority) {
    zones.push_back(soa.owner);
    ttl_max = soa.ttl;
  }
  for (const Record& record : answer.authority) {
    const bool proof = record.type == dns::kNsec || record.type == dns::kNsec3;
    if (proof && record.klass == dns::kIn &&
        std::any_of(zones.begin(), zones.end(),
                    [&](const Name& zone) { return record.owner.IsWithin(zone); })) {
      reply.authority.push_back(record);
      reply.authority.back().ttl = std::min(record.ttl, ttl_max);
    }
  }
  KeepSignatures(answer.authority, nullptr, 0, reply.authority, zones);
}

}  // namespace dnspin
