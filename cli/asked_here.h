#pragma once
// Knows: what a name's addresses would become, asked of this machine's own resolver. Touches: that
// resolver (getaddrinfo), when it is told to.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/control_client.h"
#include "cli/table.h"
#include "pinning/address.h"
#include "pinning/special_address.h"

namespace dnspin {

struct AskedHere {
  std::vector<std::pair<Address, AddressKind>> addresses;  // sorted
  std::string error;                                       // why there are none; may be empty
};

AskedHere AskHere(std::string_view name);

// `pinned`: the client's rules pin what the name answers with.
Cell VerdictOf(AddressKind kind, bool pinned);
Json AskedJson(const AskedHere& asked, bool pinned);

}  // namespace dnspin
