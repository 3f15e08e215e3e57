#pragma once
// Knows: the configuration of a netvm: what the files say, what dom0 says beside them in QubesDB,
// and which qubes are there (design.md 3). Touches nothing.

#include <span>
#include <string>
#include <vector>

#include "config/configuration.h"
#include "config/diagnostic.h"
#include "config/qubesdb_mirror.h"
#include "config/qubesdb_rules.h"
#include "pinning/address.h"
#include "pinning/vif.h"

namespace dnspin {

struct QubesConfiguration {
  Settings settings;                    // the files', and what QubesDB adds to them
  std::vector<ClientConfig> clients;    // by name
  std::vector<Address> connected;       // of every qube that may be behind this netvm, there or not
  std::vector<Diagnostic> diagnostics;  // an error concerns what it is about alone
};

QubesConfiguration ConfigurationOfQubes(const Configuration& files, TargetReader& reader,
                                        const qubesdb::View& view, std::span<const Vif> vifs);

}  // namespace dnspin
