#pragma once
// Knows: how the RDATA of HTTPS and SVCB records is made (RFC 9460 2.2). Touches nothing.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

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

}  // namespace dnspin
