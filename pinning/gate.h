#pragma once
// Knows: the rule "pin first, answer second". Touches: a Pinner, nothing else.

#include <cstdint>
#include <vector>

#include "pinning/pin.h"

namespace dnspin {

struct Decision {
  ClientId client{};
  uint64_t ticket = 0;
  bool pinned = false;  // true: every element of the request is in the kernel
};

class Gate {
 public:
  explicit Gate(Pinner& pinner) : pinner_(pinner) {}  // which outlives the gate

  // A request whose answer waits. Without elements it is pinned at once, at the next Settle.
  void Hold(ClientId client, uint64_t ticket, std::vector<PinElement> elements);
  bool Empty() const { return held_.empty(); }

  // Has all that is held confirmed: in batches of at most kElementsPerCommit, of whole requests
  // where they fit. Where a batch fails, the requests that the kernel named fail and the others are
  // tried again client by client, then alone; once it says nothing in time, all that is left fails.
  // No commit shortens a life that another one of this Settle gave. Decisions come in the order of
  // Hold.
  std::vector<Decision> Settle();

 private:
  struct Held {
    ClientId client;
    uint64_t ticket;
    std::vector<PinElement> elements;
  };
  class Settlement;

  Pinner& pinner_;
  std::vector<Held> held_;
};

}  // namespace dnspin
