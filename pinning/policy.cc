#include "pinning/policy.h"

#include <algorithm>

namespace dnspin {

bool Policy::HasFamily(Family family) const {
  return std::any_of(addresses.begin(), addresses.end(),
                     [family](const Address& address) { return address.family() == family; });
}

}  // namespace dnspin
