#pragma once
// Knows: many networks as one value: what a file of addresses says, and whether an address is
// within. Touches nothing.

#include <compare>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pinning/address.h"

namespace dnspin {

// Addresses of one family, from first to last.
struct AddressRange {
  Address first;
  Address last;
  auto operator<=>(const AddressRange&) const = default;
};

// The same addresses, sorted, IPv4 before IPv6; no range meets or touches another.
std::vector<AddressRange> Merged(std::span<const Prefix> networks);

struct NetworkList {
  std::string path;                  // of its file, as the rules name it
  std::vector<AddressRange> ranges;  // Merged()

  bool Contains(const Address& address) const;
  bool operator==(const NetworkList&) const = default;
};

using NetworkLists = std::map<std::string, std::shared_ptr<const NetworkList>>;  // by path

}  // namespace dnspin
