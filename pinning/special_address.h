#pragma once
// Knows: which addresses a pinned name may not answer with (design.md 7, hardening.md R-c9, R-c10).

#include <vector>

#include "pinning/address.h"

namespace dnspin {

enum class AddressKind {
  kOrdinary,
  kPrivate,  // 10/8, 100.64/10, 172.16/12, 192.168/16, fc00::/7: `rebind_ok` lifts these
  kNever,    // loopback, link-local, multicast, ..., and IPv4 of any of these kinds inside IPv6
};

AddressKind KindOf(const Address& address);

// True if an address of `network` may be no ordinary one.
bool HasSpecial(const Prefix& network);

// True if `address`, or an IPv4 address that it embeds, is one of `own` (sorted): this machine's
// and its clients'.
bool IsOwn(const Address& address, const std::vector<Address>& own);

}  // namespace dnspin
