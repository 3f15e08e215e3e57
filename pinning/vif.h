#pragma once
// Knows: a client's interface as Qubes OS brought it up. Touches nothing.

#include <string>
#include <vector>

#include "pinning/address.h"

namespace dnspin {

struct Vif {
  std::string interface;
  std::vector<Address> addresses;
  bool operator==(const Vif&) const = default;
};

}  // namespace dnspin
