#include "nft/hold_chains.h"

#include <algorithm>

namespace dnspin {
namespace {

bool Has(const ClientRules& client, const HoldChain& hold) {
  return client.queue == hold.queue &&
         std::any_of(client.addresses.begin(), client.addresses.end(),
                     [&](const Address& address) { return HoldChainName(address) == hold.chain; });
}

void Add(const ClientRules& client, const ClientRules& before, std::vector<HoldChain>& chains) {
  for (const Address& address : client.addresses) {
    HoldChain hold{address.family(), HoldChainName(address), client.queue};
    if (client.queue != 0 && !Has(before, hold)) {
      chains.push_back(std::move(hold));
    }
  }
}

}  // namespace

std::vector<HoldChain> HoldChainsOf(const Ruleset& ruleset) {
  std::vector<HoldChain> chains;
  for (const ClientRules& client : ruleset.clients) {
    Add(client, {}, chains);
  }
  return chains;
}

std::vector<HoldChain> HoldChainsOf(const RulesetChange& change) {
  std::vector<HoldChain> chains;
  for (const ClientChange& client : change.clients) {
    Add(client.after, client.before, chains);
  }
  return chains;
}

}  // namespace dnspin
