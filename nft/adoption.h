#pragma once
// Knows: what an earlier dnspind has left in the kernel, and to which of today's clients it
// belongs. Arithmetic.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "nft/ruleset.h"
#include "nft/served_client.h"

namespace dnspin {

class Inheritance {
 public:
  // `doors`: ReadKernelDoors().
  Inheritance(KernelView view, std::map<Address, uint16_t> doors);

  const KernelView& view() const { return view_; }

  // Pins of this client go on in its ledger, judged as if they were asked for now: under the rules
  // that spell their host, where these list the name.
  void AdoptPins(ServedClient& client, BootTime now) const;

  // True if the kernel has nothing of ours.
  bool IsNew() const;

  // Of a client's addresses the first of each family, where the kernel has its chain.
  std::vector<Address> Served(const std::vector<Address>& addresses) const;

  // True if the kernel served this very qube, or the client is no qube: what another had under its
  // addresses is not this one's.
  bool IsOf(const DesiredClient& client) const;

  // Where this client's questions went; 0 if nowhere.
  uint16_t DoorOf(const ServedClient& client) const;

  // True if answers to it waited in a queue.
  bool WasHeld(const ServedClient& client) const;

  // True if the rules in the kernel are the client's own of today, and so are those that lead to
  // them: no flow need be judged anew.
  bool HasRulesOf(const ServedClient& client, const RulesetTerms& terms) const;

  // Who had a door, and is no client any more.
  std::vector<Address> Departed(const ServedClients& clients) const;

 private:
  KernelView view_;
  std::map<Address, uint16_t> doors_;
  absl::flat_hash_map<std::string, std::vector<size_t>> by_label_;  // positions in view_.pins
};

}  // namespace dnspin
