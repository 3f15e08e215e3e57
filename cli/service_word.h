#pragma once
// Knows: how a protocol and port are one word, `tcp/443`. Touches nothing.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "pinning/rule.h"

namespace dnspin {

// "tcp/443", "udp/60000-61000", "icmp", "tcp".
std::string ServiceWord(const Service& service);
std::optional<Service> ReadServiceWord(std::string_view word);

// "tcp/80,tcp/443": tcp and udp with ports.
absl::StatusOr<std::vector<Service>> ReadServices(std::string_view list);

}  // namespace dnspin
