#pragma once
// Knows: the names that answers to one client have named, and how that client may ask them
// (design.md 7). dnspind is told of each, and judges it again. Touches: a DistantFirewall.

#include <vector>

#include "pinning/clock.h"
#include "pinning/grant.h"
#include "resolver/client_policy.h"
#include "resolver/distant_firewall.h"

namespace dnspin {

class GrantedNames {
 public:
  explicit GrantedNames(DistantFirewall& firewall) : firewall_(firewall) {}  // which outlives it

  // What no longer stands is gone; what dnspind knows is known.
  void SetPolicy(const ClientPolicy& policy, BootTime now);

  // `own` is what the rules say of `asked`; where they leave room, a grant that lives says more. DS
  // and DNSKEY above a target may be asked as those above a listed name are.
  Permission Judge(const Name& asked, uint16_t type, Permission own, const ClientPolicy& policy,
                   BootTime now) const;

  // The answer that `answer` is about names these `targets`; it brings no target of its own.
  void Grant(GrantRequest answer, const std::vector<Name>& targets, const ClientPolicy& policy,
             BootTime now);

 private:
  DistantFirewall& firewall_;
  Grants grants_;
};

}  // namespace dnspin
