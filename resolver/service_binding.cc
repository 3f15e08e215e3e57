#include "resolver/service_binding.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "resolver/name_span.h"
#include "resolver/octets.h"
#include "resolver/wire.h"

namespace dnspin {
namespace {

// RFC 9460 14.3.2.
enum Key : uint16_t {
  kMandatory = 0,
  kAlpn = 1,
  kNoDefaultAlpn = 2,
  kPort = 3,
  kIpv4Hint = 4,
  kIpv6Hint = 6
};

bool IsHint(uint16_t key) { return key == kIpv4Hint || key == kIpv6Hint; }

bool Holds(const ServiceBinding& binding, uint16_t key) {
  const auto found = std::lower_bound(  // they are in order, and may be thousands
      binding.parameters.begin(), binding.parameters.end(), key,
      [](const ServiceParameter& parameter, uint16_t wanted) { return parameter.key < wanted; });
  return found != binding.parameters.end() && found->key == key;
}

// Keys in strictly rising order, all of them there, and not itself (RFC 9460 8).
bool MandatoryIsSound(const ServiceBinding& binding, std::span<const uint8_t> value) {
  OctetReader keys(value);
  uint16_t last = kMandatory;
  while (keys.left() != 0) {
    const uint16_t key = keys.U16();
    if (!keys.ok() || key <= last || !Holds(binding, key)) {
      return false;
    }
    last = key;
  }
  return !value.empty();
}

bool AlpnIsSound(std::span<const uint8_t> value) {
  OctetReader ids(value);
  while (ids.left() != 0) {
    const uint8_t length = ids.U8();
    if (length == 0) {
      return false;
    }
    ids.Take(length);
  }
  return ids.ok() && !value.empty();
}

bool IsSound(const ServiceBinding& binding, const ServiceParameter& parameter) {
  const size_t octets = parameter.value.size();
  switch (parameter.key) {
    case kMandatory:
      return MandatoryIsSound(binding, parameter.value);
    case kAlpn:
      return AlpnIsSound(parameter.value);
    case kNoDefaultAlpn:
      return octets == 0 && Holds(binding, kAlpn);
    case kPort:
      return octets == 2;
    case kIpv4Hint:
      return octets != 0 && octets % 4 == 0;
    case kIpv6Hint:
      return octets != 0 && octets % 16 == 0;
    default:
      return true;
  }
}

std::string MandatoryWithoutHints(std::span<const uint8_t> value) {
  std::string kept;
  for (OctetReader keys(value); keys.left() != 0;) {
    if (const uint16_t key = keys.U16(); !IsHint(key)) {
      AppendU16(kept, key);
    }
  }
  return kept;
}

}  // namespace

std::optional<ServiceBinding> ReadServiceBinding(std::span<const uint8_t> rdata) {
  OctetReader reader(rdata);
  ServiceBinding binding;
  binding.priority = reader.U16();
  const size_t target_at = reader.at();
  const size_t target_octets = PassName(reader, Pointers::kRefused);
  if (target_octets == 0) {
    return std::nullopt;
  }
  binding.target = rdata.subspan(target_at, target_octets);
  while (reader.left() != 0) {
    ServiceParameter parameter;
    parameter.key = reader.U16();
    parameter.value = reader.Take(reader.U16());
    if (!binding.parameters.empty() && parameter.key <= binding.parameters.back().key) {
      return std::nullopt;
    }
    binding.parameters.push_back(parameter);
  }
  return reader.ok() ? std::optional(std::move(binding)) : std::nullopt;
}

std::optional<std::string> WithoutHints(const std::string& rdata) {
  const auto binding = ReadServiceBinding(AsOctets(rdata));
  if (!binding) {
    return std::nullopt;
  }
  std::string kept;
  AppendU16(kept, binding->priority);
  kept += AsText(binding->target);
  if (binding->priority == 0) {
    return kept;  // what parameters an alias carries is to be ignored (RFC 9460 2.4.2)
  }
  for (const ServiceParameter& parameter : binding->parameters) {
    if (!IsSound(*binding, parameter)) {
      return std::nullopt;
    }
    std::string value(AsText(parameter.value));
    if (parameter.key == kMandatory) {
      value = MandatoryWithoutHints(parameter.value);
    }
    if (IsHint(parameter.key) || (parameter.key == kMandatory && value.empty())) {
      continue;
    }
    AppendU16(kept, parameter.key);
    AppendU16(kept, value.size());
    kept += value;
  }
  return kept;
}

}  // namespace dnspin
