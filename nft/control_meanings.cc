#include "nft/control_meanings.h"

#include <fmt/format.h>

#include <algorithm>

#include "nft/control_words.h"

namespace dnspin::control {

Service ServiceOf(const ServedClient& client, uint32_t number) {
  const auto group = std::find_if(client.groups.begin(), client.groups.end(),
                                  [number](const PinGroup& g) { return g.number == number; });
  return group == client.groups.end() ? Service{} : group->service;
}

Meanings::Meanings(const ServedClient& client, BootTime now) : client_(client), now_(now) {
  for (const auto& [key, holders] : client.ledger.past()) {
    past_[key.address] = &holders.front();
  }
  for (const AskedName& asked : client.record.names()) {
    for (const Address& address : asked.addresses) {
      told_.emplace(address, &asked);  // the latest come first
    }
  }
  for (const auto& [key, pin] : client.ledger.pins()) {
    if (pin.until() > now) {
      pinned_[key.address] = {key.group, &pin.holders.front()};
    }
  }
}

Meanings::Meaning Meanings::Of(const Address& address) const {
  if (const auto pinned = pinned_.find(address); pinned != pinned_.end()) {
    const Service service = ServiceOf(client_, pinned->second.first);
    return {pinned->second.second->asked.Text(),
            fmt::format("pinned, but for {} {}", ProtocolText(service), PortsText(service))};
  }
  if (const auto told = told_.find(address); told != told_.end()) {
    const AskedName& asked = *told->second;
    return {asked.name.Text(), asked.pinned ? fmt::format("told {} s ago, its pin has ended",
                                                          Seconds(now_ - asked.last))
                                            : "no rule opens what this name resolves to"};
  }
  if (const auto past = past_.find(address); past != past_.end()) {
    return {past->second->asked.Text(),
            fmt::format("its pin ended {} s ago", Seconds(now_ - past->second->until))};
  }
  return {"", "this client was told no name with this address"};
}

}  // namespace dnspin::control
