#pragma once
// Knows: what addresses were to a client, as far as is known: made once for all that is to be said.
// Touches nothing.

#include <cstdint>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "nft/served_client.h"

namespace dnspin::control {

Service ServiceOf(const ServedClient& client, uint32_t group);  // of its pins

class Meanings {
 public:
  Meanings(const ServedClient& client, BootTime now);  // which outlives it

  struct Meaning {
    std::string name;  // empty: none is known
    std::string why;   // its packets were refused
  };
  Meaning Of(const Address& address) const;

 private:
  const ServedClient& client_;
  BootTime now_;
  absl::flat_hash_map<Address, const PinHolder*> past_;
  absl::flat_hash_map<Address, const AskedName*> told_;
  absl::flat_hash_map<Address, std::pair<uint32_t, const PinHolder*>> pinned_;
};

}  // namespace dnspin::control
