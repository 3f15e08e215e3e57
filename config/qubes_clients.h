#pragma once
// Knows: how the clients of a netvm follow from its interfaces, dom0's rules and local ones.
// Touches nothing.

#include <span>
#include <string>
#include <vector>

#include "config/configuration.h"
#include "config/diagnostic.h"
#include "config/qubesdb_mirror.h"
#include "config/qubesdb_rules.h"
#include "pinning/vif.h"

namespace dnspin {

struct QubesClients {
  std::vector<ClientConfig> clients;    // by name
  std::vector<Diagnostic> diagnostics;  // an error blocks its client alone, which then has no rules
};

// One for each qube that is there: that has an interface and a target. Two interfaces of one
// address are one qube's. An address without a target of its own is not served, so that nothing
// that dom0 said of one family speaks for the other. `locals`: rules from files, for those of their
// addresses that are a client's; where a client has some, a rule of dom0's that only accepts stands
// for DNS and ICMP, unless `dom0_accept`.
QubesClients ClientsOfQubes(TargetReader& reader, const qubesdb::View& view,
                            std::span<const Vif> vifs, std::span<const ClientConfig> locals,
                            bool dom0_accept);

}  // namespace dnspin
