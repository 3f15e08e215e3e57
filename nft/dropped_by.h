#pragma once
// Knows: which rule of a client refuses a packet. Touches nothing.

#include <cstdint>
#include <optional>

#include "nft/served_client.h"
#include "pinning/chain_walk.h"
#include "pinning/logged_packet.h"

namespace dnspin {

// Made once for all packets that are asked about.
class DroppedBy {
 public:
  explicit DroppedBy(const ServedClient& client);  // which outlives it

  // The position of the rule that drops it; nothing if none does, now, or if it is the one that
  // drops whatever is left. What `specialtarget=dns` is, and types of ICMP, are not known here.
  std::optional<uint32_t> Of(const LoggedPacket& packet) const;

 private:
  bool Holds(const PinGroup& group, const Address& address) const;
  bool IsOf(uint32_t rule, const Address& address) const;

  const ServedClient& client_;
  ChainWalk walk_;
};

}  // namespace dnspin
