#include "resolver/target.h"

#include "resolver/octets.h"
#include "resolver/service_binding.h"

namespace dnspin {
namespace {

// Where the target's name begins in a type whose RDATA ends with it.
std::optional<size_t> NameAt(uint16_t type) {
  switch (type) {
    case dns::kCname:
      return 0;
    case dns::kMx:
      return 2;  // behind the preference
    case dns::kSrv:
      return 6;  // behind priority, weight and port
    default:
      return std::nullopt;
  }
}

std::optional<Name> AnyTargetOf(const Record& record) {
  if (dns::IsServiceBinding(record.type)) {
    const auto binding = ReadServiceBinding(AsOctets(record.rdata));
    return binding ? Name::FromWire(binding->target) : std::nullopt;
  }
  const auto at = NameAt(record.type);
  return at && *at <= record.rdata.size()
             ? Name::FromWire(std::string_view(record.rdata).substr(*at))
             : std::nullopt;
}

}  // namespace

std::optional<Name> TargetOf(const Record& record) {
  auto target = AnyTargetOf(record);
  return target && target->IsHost() && !target->IsRoot() ? target : std::nullopt;
}

}  // namespace dnspin
