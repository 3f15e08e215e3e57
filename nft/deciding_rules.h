#pragma once
// Knows: which rules of a client decide what becomes of its packets, for who asks. What
// `specialtarget=dns` stands for is not known here. Touches nothing.

#include <cstdint>
#include <optional>
#include <vector>

#include "nft/served_client.h"
#include "pinning/chain_walk.h"
#include "pinning/logged_packet.h"

namespace dnspin {

// Made once for all that is asked.
class DecidingRules {
 public:
  explicit DecidingRules(const ServedClient& client);  // which outlives it

  // The position of the rule that drops it; nothing if none does, now, or if it is the one that
  // drops whatever is left. Types of ICMP are not known.
  std::optional<uint32_t> DropOf(const LoggedPacket& packet) const;

  struct Decision {
    uint32_t rule = 0;   // position; of pins that of the first rule of their group
    uint32_t group = 0;  // of the pins; 0: it is no rule that pins
    // False if whatever it could decide is decided by one before it, or the chain is closed there.
    bool reached = true;
  };
  // On what is sent to `address`, in the order of the chain, up to one that leaves nothing over.
  std::vector<Decision> On(const Address& address) const;

 private:
  std::optional<uint32_t> HoldingRule(const PinGroup& group, const Address& address) const;
  std::optional<Decision> DecisionOf(const ChainStep& step, const Address& address) const;

  const ServedClient& client_;
  std::vector<ChainStep> steps_;
  ChainWalk walk_;
};

}  // namespace dnspin
