#pragma once
// Knows: what a client's chain does with a packet that begins a flow: the same walk that
// nft/client_chain.h writes down for the kernel. Touches nothing.

#include <cstdint>
#include <functional>
#include <span>

#include "pinning/address.h"
#include "pinning/pin_group.h"
#include "pinning/rule.h"

namespace dnspin {

struct Packet {
  Address destination;   // as the forward hook sees it: behind DNAT
  uint8_t protocol = 0;  // IPPROTO_
  uint16_t port = 0;     // where it goes; TCP and UDP only
  uint8_t icmp_type = 0;
};

struct ChainOfRules {
  std::span<const Rule> rules;
  std::span<const PinGroup> groups;      // GroupsOf(rules, ...)
  std::span<const Address> dns_servers;  // what `specialtarget=dns` stands for
};

// True if the walk ends in accept. `holds` says whether a group's set holds the destination. It
// goes on behind where the chain is closed for as long as a dropped name's addresses are not known:
// what began before a rule came is not ended by what that rule may drop.
bool Accepts(const ChainOfRules& chain, const Packet& packet,
             const std::function<bool(const PinGroup& group)>& holds);

}  // namespace dnspin
