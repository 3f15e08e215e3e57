#pragma once
// Knows: what dom0 tells a netvm of dnspin through `vm-config` features: client
// files in one line, and names that may answer with private addresses. Touches nothing.

#include <string>
#include <string_view>
#include <vector>

#include "config/configuration.h"
#include "config/diagnostic.h"
#include "config/profiles.h"
#include "config/qubesdb_mirror.h"
#include "pinning/host_pattern.h"

namespace dnspin {

// `;` begins a new line, `\;` is a semicolon.
std::string UnfoldLines(std::string_view value);

// The clients of `/vm-config/dnspin.NAME`, by name. One whose file has an error has the addresses
// that could be read, no rules, and a fault.
std::vector<ClientConfig> ReadVmConfigClients(const qubesdb::View& view, const Profiles& profiles,
                                              std::vector<Diagnostic>& diagnostics);

// The patterns of `/vm-config/dnspin-rebind-ok`, with spaces between; bad ones are left out.
std::vector<HostPattern> ReadVmConfigRebindOk(const qubesdb::View& view,
                                              std::vector<Diagnostic>& diagnostics);

}  // namespace dnspin
