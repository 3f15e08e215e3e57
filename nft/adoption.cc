#include "nft/adoption.h"

#include <algorithm>
#include <set>
#include <utility>

#include "nft/judge.h"

namespace dnspin {
namespace {

// What a comment that was cut to fit still says of its rule host.
std::string CutHost(const HostPattern& host) {
  return ReadPinComment(PinComment(host.Text(), host.name)).rule_host;
}

// The rules of a client that pin, by what comments say of their hosts.
using ByHost = absl::flat_hash_map<std::string, std::vector<std::pair<uint32_t, uint32_t>>>;

ByHost GroupsAndRulesOf(const ServedClient& client) {
  ByHost by_host;
  for (const PinGroup& group : client.groups) {
    if (group.action != Action::kAccept) {
      continue;
    }
    for (const uint32_t position : group.rules) {
      by_host[CutHost(*client.policy.rules[position].host)].emplace_back(group.number, position);
    }
  }
  return by_host;
}

// A comment that was cut says no whole name: such a pin stays with the rule that spells its host,
// under what is left of the name, until rules change.
void AdoptPin(ServedClient& client, const ByHost& by_host, const KernelPin& pin, BootTime now) {
  const CommentParts comment = ReadPinComment(pin.comment);
  const auto found = by_host.find(comment.rule_host);
  if (found == by_host.end()) {
    return;
  }
  const bool whole = pin.comment.size() < kCommentOctetsMax;
  const auto asked = Name::FromHost(comment.asked);
  for (const auto& [group, position] : found->second) {
    const SharedText& host = client.permissions->HostOf(position);
    const auto places = asked && whole
                            ? PlacesOfHolder(host, *asked, *client.permissions, client.groups)
                            : std::vector<Ledger::Place>{{group, host}};
    const bool placed =
        std::any_of(places.begin(), places.end(), [&, group = group](const Ledger::Place& place) {
          return place.group == group && place.rule_host == host;
        });
    const Name name = asked.value_or(client.policy.rules[position].host->name);
    if (!placed || !MayPin(pin.address, name, client.policy, *client.permissions)) {
      continue;
    }
    client.ledger.Adopt({group, pin.address}, {host, name, now + pin.left});
    Grant grant{std::string(host.view()), name, name, Grants::kDepthMax, now + pin.left};
    if (whole && client.permissions->Judge(name).LeavesRoom() &&
        client.grants.HasRoom(grant, now)) {
      client.grants.Add(std::move(grant));
    }
  }
}

}  // namespace

Inheritance::Inheritance(KernelView view, std::map<Address, uint16_t> doors)
    : view_(std::move(view)), doors_(std::move(doors)) {
  for (size_t i = 0; i < view_.pins.size(); ++i) {
    const KernelPin& pin = view_.pins[i];
    const auto parts = ReadPinSetName(pin.set);
    if (parts && pin.left.count() > 0 && pin.address.family() == pin.family) {
      by_label_[parts->label].push_back(i);
    }
  }
}

void Inheritance::AdoptPins(ServedClient& client, BootTime now) const {
  const ByHost by_host = GroupsAndRulesOf(client);
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    const auto first = FirstAddress(client.desired.addresses, family);
    const auto found = first ? by_label_.find(AddressLabel(*first)) : by_label_.end();
    if (found == by_label_.end()) {
      continue;
    }
    for (const size_t position : found->second) {
      if (view_.pins[position].family == family) {
        AdoptPin(client, by_host, view_.pins[position], now);
      }
    }
  }
}

bool Inheritance::IsNew() const {
  return doors_.empty() && std::all_of(view_.filter.begin(), view_.filter.end(),
                                       [](const TableView& table) { return table.chains.empty(); });
}

std::vector<Address> Inheritance::Served(const std::vector<Address>& addresses) const {
  std::vector<Address> served;
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    const auto first = FirstAddress(addresses, family);
    const size_t index = family == Family::kIpv4 ? 0 : 1;
    if (first && view_.filter.at(index).HasChain(ChainName(*first))) {
      served.push_back(*first);
    }
  }
  return served;
}

bool Inheritance::WasHeld(const ServedClient& client) const {
  const auto& addresses = client.desired.addresses;
  return std::any_of(addresses.begin(), addresses.end(), [this](const Address& address) {
    return view_.filter[address.family() == Family::kIpv4 ? 0 : 1].HasChain(HoldChainName(address));
  });
}

bool Inheritance::IsOf(const DesiredClient& client) const {
  bool known = client.interfaces.empty();
  for (const Address& address : client.addresses) {
    const auto& digests = view_.filter[address.family() == Family::kIpv4 ? 0 : 1].digests;
    const auto digest = digests.find(ChainName(address));
    if (digest == digests.end() || client.interfaces.empty()) {
      continue;
    }
    const auto interfaces = InterfacesOfDigest(digest->second);
    if (interfaces.empty() || !MayBeOneQube(interfaces, client.interfaces)) {
      return false;
    }
    known = true;
  }
  return known;
}

uint16_t Inheritance::DoorOf(const ServedClient& client) const {
  for (const Address& address : client.desired.addresses) {
    if (const auto door = doors_.find(address); door != doors_.end()) {
      return door->second;
    }
  }
  return 0;
}

bool Inheritance::HasRulesOf(const ServedClient& client, const RulesetTerms& terms) const {
  return std::all_of(client.desired.addresses.begin(), client.desired.addresses.end(),
                     [&](const Address& address) {
                       const size_t family = address.family() == Family::kIpv4 ? 0 : 1;
                       const auto& digests = view_.filter[family].digests;
                       const auto digest = digests.find(ChainName(address));
                       return digest != digests.end() && digest->second == client.digest &&
                              view_.filter[family].own_rules.size() == SharedRuleCount(terms);
                     });
}

std::vector<Address> Inheritance::Departed(const ServedClients& clients) const {
  std::set<Address> today;
  for (const auto& [id, client] : clients) {
    today.insert(client.desired.addresses.begin(), client.desired.addresses.end());
  }
  std::vector<Address> departed;
  for (const auto& [address, port] : doors_) {
    if (!today.contains(address)) {
      departed.push_back(address);
    }
  }
  return departed;
}

}  // namespace dnspin
