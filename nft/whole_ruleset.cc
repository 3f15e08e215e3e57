#include "nft/whole_ruleset.h"

#include <utility>

#include "nft/pin_moves.h"

namespace dnspin {

SharedElements ElementsOf(const RulesetTerms& terms,
                          const std::vector<const ServedClient*>& clients) {
  SharedElements elements;
  elements.dns_servers = terms.dns_servers;
  elements.upstreams = terms.upstreams;
  elements.connected = terms.connected.value_or(std::vector<Address>());
  for (const ServedClient* client : clients) {
    elements.lists.insert(client->lists.begin(), client->lists.end());
    for (const Address& address : client->desired.addresses) {
      elements.doorways.push_back({address, client->port});
      if (client->queue != 0) {
        elements.held.push_back(address);
      }
      for (const std::string& interface : client->desired.interfaces) {
        elements.sources.push_back({interface, address});
      }
    }
  }
  return elements;
}

bool AreAlike(const RulesetTerms& before, const RulesetTerms& after) {
  RulesetTerms same = before;
  same.dns_servers = after.dns_servers;
  same.upstreams = after.upstreams;
  if (before.connected && after.connected) {
    same.connected = after.connected;
  }
  return same == after;
}

Ruleset RulesetOf(const Desired& desired, const std::vector<const ServedClient*>& all,
                  BootTime now) {
  SharedElements shared = ElementsOf(desired.ruleset, all);
  Ruleset ruleset{desired.ruleset,
                  {},
                  std::move(shared.doorways),
                  {},
                  std::move(shared.sources),
                  std::move(shared.held),
                  std::move(shared.lists)};
  for (const ServedClient* client : all) {
    ruleset.clients.push_back(RulesOf(*client));
    const auto elements = ElementsOf(*client, client->ledger, now);
    ruleset.pins.insert(ruleset.pins.end(), elements.begin(), elements.end());
  }
  return ruleset;
}

}  // namespace dnspin
