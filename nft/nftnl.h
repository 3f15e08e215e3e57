#pragma once
// Knows: libnftnl's objects as values that free themselves, and the notes that nft leaves beside
// rules and elements: the door to libnftnl. Touches nothing.

#include <libnftnl/chain.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>

#include <cstdint>
#include <memory>
#include <string>

#include "nft/free_with.h"
#include "pinning/address.h"

namespace dnspin::nftnl {

using Table = std::unique_ptr<nftnl_table, FreeWith<&nftnl_table_free>>;
using Chain = std::unique_ptr<nftnl_chain, FreeWith<&nftnl_chain_free>>;
using Rule = std::unique_ptr<nftnl_rule, FreeWith<&nftnl_rule_free>>;
using Set = std::unique_ptr<nftnl_set, FreeWith<&nftnl_set_free>>;

// nft's numbers for the types of keys.
inline constexpr uint32_t kIpv4AddressType = 7;
inline constexpr uint32_t kIpv6AddressType = 8;

inline uint16_t NetfilterFamily(Family family) {
  return family == Family::kIpv4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

// The text of type `type` in the note of `octets` octets; empty without one. Anybody may have
// written it.
std::string TextOfNote(const void* note, uint32_t octets, uint8_t type);

}  // namespace dnspin::nftnl
