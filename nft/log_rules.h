#pragma once
// Knows: how a rule reads that logs what the next one decides about, and whether this kernel takes
// such rules. Touches: nftables, in a table that is nobody's.

#include <string>

#include "nft/nftables.h"
#include "pinning/rule.h"

namespace dnspin {

// A rule of its own, behind its match: one that does not match, being over its limit, must not
// spare the next.
std::string LogText(Action action);

// Asks the kernel: without nft's log expression (CONFIG_NFT_LOG), or who reads what it logs
// (CONFIG_NETFILTER_NETLINK_LOG), it refuses one with all that is in its transaction.
bool TakesLogRules(Nftables& nftables, const std::string& table);

}  // namespace dnspin
