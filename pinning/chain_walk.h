#pragma once
// Knows: what a client's chain does with a packet that begins a flow: the same walk that
// nft/client_chain.h writes down for the kernel. Touches nothing.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

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

// Made once, asked often: its cost is that of the rules that stand in the kernel's chain, in which
// neighbouring host rules are one.
class ChainWalk {
 public:
  // All outlive it. `dns_servers`: what `specialtarget=dns` stands for. The walk goes on behind
  // where the chain is closed for as long as a dropped name's addresses are not known, unless
  // `rules` ends there: what began before a rule came is not ended by what that rule may drop.
  ChainWalk(std::span<const Rule> rules, std::span<const PinGroup> groups,
            std::span<const Address> dns_servers);

  // Where the walk ends: neither of the two, behind the last. `holds` says whether a group's set
  // holds the destination.
  using Holds = std::function<bool(const PinGroup& group)>;
  ChainStep EndOf(const Packet& packet, const Holds& holds) const;
  bool Accepts(const Packet& packet, const Holds& holds) const;  // true if it ends in accept

 private:
  std::vector<ChainStep> steps_;
  std::span<const Address> dns_servers_;
};

}  // namespace dnspin
