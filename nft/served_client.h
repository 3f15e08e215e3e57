#pragma once
// Knows: one client as dnspind serves it: its policy, its pins, its channel. Touches nothing by
// itself.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/descriptor.h"
#include "io/reactor.h"
#include "nft/desired.h"
#include "pinning/channel_message.h"
#include "pinning/grant.h"
#include "pinning/ledger.h"
#include "pinning/permission.h"
#include "pinning/pin.h"
#include "pinning/pin_group.h"
#include "pinning/policy.h"
#include "pinning/token_bucket.h"

namespace dnspin {

struct ServedClient {
  ClientId id{};
  DesiredClient desired;
  Policy policy;
  std::shared_ptr<const Permissions> permissions;  // of `policy`
  std::vector<PinGroup> groups;                    // of `policy`
  std::string digest;                              // of its rules: RulesDigest()
  Ledger ledger{PinTerms{}};
  Grants grants;                          // made under `policy`, or that stand under it
  std::string interface;                  // where its packets come in; empty: nowhere now
  uint16_t port = 0;                      // of its door
  uint32_t reader = 0;                    // who serves it; 0: nobody now
  Descriptor channel;                     // our end
  bool readable = false;                  // something waits there
  Watch watch;                            // of `channel`; ends before it
  CountersReport counters;                // as its present reader says
  CountersReport counters_before;         // of the readers before
  TokenBucket requests{50'000, 200'000};  // of its reader: far above what an honest one can need
  uint64_t grants_left_out = 0;           // beyond the limits, or late
  uint64_t pins_refused = 0;              // requests that were not granted: quota, rate, kernel
  uint64_t breaches = 0;                  // of the channel's protocol

  CountersReport Totals() const;
  void TakePolicy(ServedClient&& next);  // policy and pins; channel, reader and counts stay
  std::string SetName(Family family, uint32_t group) const;  // `pin-10-137-0-25-1`
};

// By number; a reload keeps the numbers of clients that stay.
using ServedClients = std::map<ClientId, ServedClient>;

// The one that had these addresses, or those of the same names of chains and sets; null: nobody.
const ServedClient* FindSame(const ServedClients& clients, const std::vector<Address>& addresses);

}  // namespace dnspin
