#pragma once
// Knows: what pins, drops, doors and clients' interfaces stand in the kernel's sets. Touches: a
// NETLINK_NETFILTER socket.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pinning/vif.h"

namespace dnspin {

struct KernelPin {
  Family family = Family::kIpv4;
  std::string set;
  Address address;
  std::chrono::milliseconds left{0};  // 0: it has no timeout, so it is no pin of ours
  std::string comment;                // as it stands there, anybody may have written it
  bool operator==(const KernelPin&) const = default;
};

// All elements of the sets `pin-*` in tables `ip TABLE` and `ip6 TABLE`; a missing table is empty.
// kAborted if others changed the ruleset all the while.
absl::StatusOr<std::vector<KernelPin>> ReadKernelPins(const std::string& table);
absl::StatusOr<std::vector<KernelPin>> ReadKernelDrops(const std::string& table);  // of `drop-*`

// Qubes OS' own map of who is there: set `allowed` of its table of one family, by interface.
// Nothing if there is no such set.
absl::StatusOr<std::optional<std::vector<Vif>>> ReadAllowed(Family family);

// The port that each client's DNS questions go to: maps `doors` of tables dnspin-dns.
absl::StatusOr<std::map<Address, uint16_t>> ReadKernelDoors();

}  // namespace dnspin
