#pragma once
// Knows: how a reply leaves: the one place where answers to questions are encoded and sent, and
// the last look at promise 1. Touches: a ReplySink and a DistantFirewall (for reports).

#include <span>

#include "pinning/address.h"
#include "pinning/channel_message.h"
#include "pinning/permission.h"
#include "resolver/distant_firewall.h"
#include "resolver/reply.h"
#include "resolver/return_path.h"

namespace dnspin {

class Teller {
 public:
  // All outlive it.
  Teller(ReplySink& sink, DistantFirewall& firewall, CountersReport& counters)
      : sink_(sink), firewall_(firewall), counters_(counters) {}

  // `confirmed`: what the kernel has for this very answer. For a name that is pinned (kPinned), an
  // address or hint beyond that is a bug of ours: counted, and the client gets SERVFAIL instead.
  void Tell(const Waiter& waiter, const Reply& reply, Standing standing,
            std::span<const Address> confirmed = {});

  // A refusal or failure of our own.
  void Refuse(const Waiter& waiter, uint16_t ede);  // REFUSED
  void Fail(const Waiter& waiter, uint16_t ede);    // SERVFAIL

 private:
  void Send(const Waiter& waiter, const Reply& reply);

  ReplySink& sink_;
  DistantFirewall& firewall_;
  CountersReport& counters_;
};

}  // namespace dnspin
