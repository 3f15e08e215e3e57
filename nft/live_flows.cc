#include "nft/live_flows.h"

#include <algorithm>
#include <list>
#include <map>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "nft/conntrack.h"
#include "pinning/chain_walk.h"

namespace dnspin {
namespace {

// One whose flows are judged.
class Suspect {
 public:
  // `since_a_gap`: flows may have begun while the tables were not as they should be, so that
  // nothing is let go on behind where the chain is closed.
  Suspect(ServedClient& client, std::span<const Address> dns_servers, bool since_a_gap)
      : client_(client),
        walk_(std::span<const Rule>(client.policy.rules)
                  .first(since_a_gap ? std::min<size_t>(client.policy.closed_from,
                                                        client.policy.rules.size())
                                     : client.policy.rules.size()),
              client.groups, dns_servers) {
    for (const DropElement& drop : DropElementsOf(client.policy, client.groups, client.drops)) {
      dropped_.insert({drop.group, drop.address});
    }
  }

  // True if it may go on; its destination is remembered then.
  bool Allows(const Packet& packet) {
    const bool accepted = walk_.Accepts(packet, [&](const PinGroup& group) {
      const PinKey key{group.number, packet.destination};
      return group.action == Action::kAccept ? client_.ledger.Holds(key) : dropped_.contains(key);
    });
    if (accepted) {
      flows_to_.insert(packet.destination);
    }
    return accepted;
  }
  void ForgetPast() { client_.ledger.KeepPastOf(flows_to_); }

 private:
  ServedClient& client_;
  ChainWalk walk_;
  absl::flat_hash_set<PinKey> dropped_;
  absl::flat_hash_set<Address> flows_to_;
};

}  // namespace

void LiveFlows::DoubtAll(const ServedClients& clients) {
  for (const auto& [id, client] : clients) {
    doubted_.insert(id);
  }
  since_a_gap_ = true;
}

absl::Status LiveFlows::ForgetPast(ServedClients& clients) {
  absl::flat_hash_map<Address, absl::flat_hash_set<Address>*> by_address;
  std::map<ClientId, absl::flat_hash_set<Address>> flows_to;
  for (const auto& [id, client] : clients) {
    if (!client.ledger.past_is_new()) {
      continue;
    }
    for (const Address& address : client.desired.addresses) {
      by_address[address] = &flows_to[id];
    }
  }
  if (by_address.empty()) {
    return absl::OkStatus();
  }
  const auto looked = ForgetFlows([&](const Flow& flow) {
    if (const auto found = by_address.find(flow.source); found != by_address.end()) {
      found->second->insert(flow.packet.destination);
    }
    return false;
  });
  if (looked.ok()) {
    for (const auto& [id, addresses] : flows_to) {
      clients.at(id).ledger.KeepPastOf(addresses);
    }
  }
  return looked.status();
}

void LiveFlows::Outlaw(std::span<const Address> departed) {
  outlaws_.insert(outlaws_.end(), departed.begin(), departed.end());
}

void LiveFlows::Redirect(std::span<const Address> clients) {
  redirected_.insert(clients.begin(), clients.end());
}

absl::StatusOr<size_t> LiveFlows::CutRefused(ServedClients& clients, std::span<const Address> local,
                                             const RulesetTerms& terms) {
  absl::flat_hash_map<Address, Suspect*> by_address;  // null: an outlaw, who may nothing
  for (const Address& address : outlaws_) {
    by_address[address] = nullptr;
  }
  std::list<Suspect> suspects;
  for (const ClientId id : doubted_) {
    const auto found = clients.find(id);
    if (found == clients.end()) {
      continue;
    }
    suspects.emplace_back(found->second, terms.dns_servers, since_a_gap_);
    for (const Address& address : found->second.desired.addresses) {
      by_address[address] = &suspects.back();
    }
  }
  const absl::flat_hash_set<Address> here(local.begin(), local.end());
  size_t redirected = 0;
  const auto cut = ForgetFlows([&](const Flow& flow) {
    if (IsDns(flow) && redirected_.contains(flow.source)) {
      ++redirected;
      return true;
    }
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
    return found->second == nullptr || !found->second->Allows(flow.packet);
  });
  if (!cut.ok()) {
    return cut.status();
  }
  for (Suspect& suspect : suspects) {
    suspect.ForgetPast();
  }
  doubted_.clear();
  outlaws_.clear();
  redirected_.clear();
  since_a_gap_ = false;
  return *cut - std::min(*cut, redirected);
}

}  // namespace dnspin
