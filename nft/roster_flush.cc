// What a client has now goes, whatever its rules say; what it asks from now on is pinned anew.

#include "nft/pin_moves.h"
#include "nft/roster.h"

namespace dnspin {

absl::StatusOr<size_t> Roster::Flush(ClientId id, BootTime now) {
  ServedClient& client = clients_.at(id);
  RulesetChange change;
  for (const PinElement& pin : ElementsOf(client, client.ledger, now)) {
    change.gone.push_back({std::string(pin.set.view()), pin.address});
  }
  readers_.DoubtPins(client);
  if (auto status = firewall_.Apply(change); !status.ok()) {
    return status;
  }
  client.ledger = Ledger(client.policy.terms);
  flows_.Doubt(id);
  CutRefusedFlows(now);
  return change.gone.size();
}

}  // namespace dnspin
