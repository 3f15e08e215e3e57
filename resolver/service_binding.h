#pragma once
// Knows: how the RDATA of HTTPS and SVCB records is made (RFC 9460 2.2), and how it is made with
// less. Touches nothing.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pinning/address.h"
#include "pinning/policy.h"

namespace dnspin {

struct ServiceParameter {
  uint16_t key = 0;
  std::span<const uint8_t> value;
};

struct ServiceBinding {
  uint16_t priority = 0;            // 0: alias mode, which has no use for parameters
  std::span<const uint8_t> target;  // one whole name: compression is not allowed here
  std::vector<ServiceParameter> parameters;
};

// Nothing unless parameters in strictly rising order fill `rdata` to its last octet. Their values
// are not looked at. The spans are into `rdata`.
std::optional<ServiceBinding> ReadServiceBinding(std::span<const uint8_t> rdata);

using KeepsHint = std::function<bool(const Address&)>;

// `rdata` with those of its address hints that `keeps_hint` keeps, which is asked of each once, in
// order. A parameter of which nothing is left is gone, from `mandatory` too; so is `ech` if it is
// to be stripped. Nothing if a parameter that we know is malformed: the record is to be dropped,
// and no hint was asked about.
std::optional<std::string> Filtered(std::string_view rdata, const KeepsHint& keeps_hint,
                                    BindingTerms::Ech ech);

}  // namespace dnspin
