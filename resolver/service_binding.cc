#include "resolver/service_binding.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "resolver/name_span.h"
#include "resolver/octets.h"

namespace dnspin {
namespace {

// RFC 9460 14.3.2.
enum Key : uint16_t {
  kMandatory = 0,
  kAlpn = 1,
  kNoDefaultAlpn = 2,
  kPort = 3,
  kIpv4Hint = 4,
  kEch = 5,
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

std::string KeptHints(const ServiceParameter& parameter, const KeepsHint& keeps_hint) {
  const size_t octets = parameter.key == kIpv4Hint ? 4 : 16;
  std::string kept;
  for (OctetReader hints(parameter.value); hints.left() != 0;) {
    const auto hint = hints.Take(octets);
    if (const auto address = Address::FromBytes(hint); address && keeps_hint(*address)) {
      kept += AsText(hint);
    }
  }
  return kept;
}

// The keys of `mandatory` that are still among `kept`.
std::string KeptKeys(std::span<const uint8_t> mandatory,
                     const std::vector<std::pair<uint16_t, std::string>>& kept) {
  std::string keys;
  for (OctetReader reader(mandatory); reader.left() != 0;) {
    const uint16_t key = reader.U16();
    const auto found = std::lower_bound(
        kept.begin(), kept.end(), key,
        [](const auto& parameter, uint16_t wanted) { return parameter.first < wanted; });
    if (found != kept.end() && found->first == key) {
      AppendU16(keys, key);
    }
  }
  return keys;
}

void AppendParameter(std::string& rdata, uint16_t key, const std::string& value) {
  AppendU16(rdata, key);
  AppendU16(rdata, value.size());
  rdata += value;
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

std::optional<std::string> Filtered(std::string_view rdata, const KeepsHint& keeps_hint,
                                    BindingTerms::Ech ech) {
  const auto binding = ReadServiceBinding(AsOctets(rdata));
  if (!binding) {
    return std::nullopt;
  }
  std::string filtered;
  AppendU16(filtered, binding->priority);
  filtered += AsText(binding->target);
  if (binding->priority == 0) {
    return filtered;  // what parameters an alias carries is to be ignored (RFC 9460 2.4.2)
  }
  const auto& parameters = binding->parameters;
  if (!std::all_of(parameters.begin(), parameters.end(),
                   [&](const auto& parameter) { return IsSound(*binding, parameter); })) {
    return std::nullopt;
  }
  std::vector<std::pair<uint16_t, std::string>> kept;  // all but `mandatory`, which comes first
  for (const ServiceParameter& parameter : parameters) {
    std::string value = IsHint(parameter.key) ? KeptHints(parameter, keeps_hint)
                                              : std::string(AsText(parameter.value));
    const bool gone = (IsHint(parameter.key) && value.empty()) || parameter.key == kMandatory ||
                      (parameter.key == kEch && ech == BindingTerms::Ech::kStrip);
    if (!gone) {
      kept.emplace_back(parameter.key, std::move(value));
    }
  }
  if (Holds(*binding, kMandatory)) {
    const std::string keys = KeptKeys(parameters.front().value, kept);
    if (!keys.empty()) {
      AppendParameter(filtered, kMandatory, keys);
    }
  }
  for (const auto& [key, value] : kept) {
    AppendParameter(filtered, key, value);
  }
  return filtered;
}

}  // namespace dnspin
