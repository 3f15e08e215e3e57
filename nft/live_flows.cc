#include "nft/live_flows.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "nft/conntrack.h"
#include "pinning/chain_walk.h"

namespace dnspin {
namespace {

bool Drops(const ServedClient& client, const PinGroup& group, const Address& destination) {
  return std::any_of(group.rules.begin(), group.rules.end(), [&](uint32_t position) {
    const Name& name = client.policy.rules[position].host->name;
    const auto* const addresses = client.drops.AddressesOf(name, destination.family());
    return addresses != nullptr &&
           std::binary_search(addresses->begin(), addresses->end(), destination);
  });
}

bool AcceptsNow(const ServedClient& client, const Packet& packet,
                std::span<const Address> dns_servers) {
  return Accepts({client.policy.rules, client.groups, dns_servers}, packet,
                 [&](const PinGroup& group) {
                   return group.action == Action::kAccept
                              ? client.ledger.Holds({group.number, packet.destination})
                              : Drops(client, group, packet.destination);
                 });
}

}  // namespace

void LiveFlows::DoubtAll(const ServedClients& clients) {
  for (const auto& [id, client] : clients) {
    doubted_.insert(id);
  }
}

void LiveFlows::Outlaw(std::span<const Address> departed) {
  outlaws_.insert(outlaws_.end(), departed.begin(), departed.end());
}

absl::StatusOr<size_t> LiveFlows::CutRefused(ServedClients& clients, std::span<const Address> local,
                                             const RulesetTerms& terms) {
  struct Suspect {
    ServedClient* client;                     // null: an outlaw, who may nothing
    absl::flat_hash_set<Address> flows_to{};  // that stay
  };
  absl::flat_hash_map<Address, Suspect*> by_address;
  std::vector<Suspect> suspects(doubted_.size() + 1);
  for (const Address& address : outlaws_) {
    by_address[address] = &suspects[0];
  }
  size_t next = 1;
  for (const ClientId id : doubted_) {
    const auto found = clients.find(id);
    if (found == clients.end()) {
      continue;
    }
    Suspect& suspect = suspects[next++];
    suspect.client = &found->second;
    for (const Address& address : found->second.desired.addresses) {
      by_address[address] = &suspect;
    }
  }
  const absl::flat_hash_set<Address> here(local.begin(), local.end());
  const auto cut = ForgetFlows([&](const Flow& flow) {
    if (here.contains(flow.source) || here.contains(flow.packet.destination)) {
      return false;
    }
    if (!terms.inbound_open && by_address.contains(flow.packet.destination)) {
      return true;
    }
    const auto found = by_address.find(flow.source);
    if (found == by_address.end()) {
      return false;
    }
    Suspect& suspect = *found->second;
    if (suspect.client == nullptr || !AcceptsNow(*suspect.client, flow.packet, terms.dns_servers)) {
      return true;
    }
    suspect.flows_to.insert(flow.packet.destination);
    return false;
  });
  if (!cut.ok()) {
    return cut.status();
  }
  for (const Suspect& suspect : suspects) {
    if (suspect.client != nullptr) {
      suspect.client->ledger.KeepPastOf(suspect.flows_to);
    }
  }
  doubted_.clear();
  outlaws_.clear();
  return *cut;
}

}  // namespace dnspin
