#include "nft/roster.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "nft/judge.h"
#include "nft/pin_moves.h"
#include "pinning/kernel_name.h"

namespace dnspin {
namespace {

ClientRules RulesOf(const ServedClient& client) {
  // Twice the quota: expired elements count against the size until they are collected.
  return {client.desired.addresses, client.policy.rules, client.groups,
          2 * client.policy.terms.per_client};
}

std::vector<Doorway> DoorwaysOf(const ServedClients& clients) {
  std::vector<Doorway> doorways;
  for (const auto& [id, client] : clients) {
    for (const Address& address : client.desired.addresses) {
      doorways.push_back({address, client.port});
    }
  }
  return doorways;
}

// A client is who has its addresses, whatever its file is called: the first of each family names
// its sets, so where these are the same its pins and its door go on.
bool AreSame(const std::vector<Address>& before, const std::vector<Address>& after) {
  bool shared = false;
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    const auto was = FirstAddress(before, family);
    const auto is = FirstAddress(after, family);
    if (was && is && was != is) {
      return false;
    }
    shared = shared || (was && is);
  }
  return shared;
}

const ServedClient* FindSame(const ServedClients& clients, const DesiredClient& wanted) {
  const auto found = std::find_if(clients.begin(), clients.end(), [&](const auto& entry) {
    return AreSame(entry.second.desired.addresses, wanted.addresses);
  });
  return found == clients.end() ? nullptr : &found->second;
}

std::vector<Address> AddressesOf(const ServedClients& clients) {
  std::vector<Address> addresses;
  for (const auto& [id, client] : clients) {
    addresses.insert(addresses.end(), client.desired.addresses.begin(),
                     client.desired.addresses.end());
  }
  return addresses;
}

// What a comment that was cut to fit still says of its rule host.
std::string CutHost(const HostPattern& host) {
  return ReadPinComment(PinComment(host.Text(), host.name)).rule_host;
}

}  // namespace

std::optional<Interface> Roster::InterfaceTowards(const Address& address) const {
  auto interface = routes_.Towards(address);
  return interface.ok() ? *std::move(interface) : std::nullopt;  // no route: nowhere, for now
}

// What this machine's addresses and routes are now.
void Roster::LookAround(const Desired& desired, BootTime now) {
  if (auto local = routes_.OwnAddresses(); local.ok()) {
    own_ = *std::move(local);  // else those of before stay: none may be forgotten
  }
  for (const DesiredClient& client : desired.clients) {
    own_.insert(own_.end(), client.addresses.begin(), client.addresses.end());
  }
  std::sort(own_.begin(), own_.end());
  own_.erase(std::unique(own_.begin(), own_.end()), own_.end());
  upstreams_.clear();
  const auto not_asked_before = std::exchange(not_asked_, {});
  for (const Endpoint& endpoint : desired.upstreams) {
    const auto interface = InterfaceTowards(endpoint.address);
    const Upstream upstream{endpoint, interface ? interface->name : std::string()};
    // A client could answer there, and would be asked about the others.
    const bool refused = interface && MatchesInterface(desired.ruleset.interfaces, interface->name);
    (refused ? not_asked_ : upstreams_).push_back(upstream);
  }
  for (const Upstream& upstream : not_asked_) {
    if (std::find(not_asked_before.begin(), not_asked_before.end(), upstream) ==
        not_asked_before.end()) {
      journal_.Say(Priority::kWarning,
                   fmt::format("upstream {} is behind client interface {}: it is not asked",
                               upstream.endpoint.Text(), upstream.interface),
                   now);
    }
  }
}

// The client's place in the world: its interface, our addresses, the upstreams.
void Roster::Place(const Desired& desired, ServedClient& client) const {
  client.interface.clear();
  client.policy.interface_index = 0;
  for (const Address& address : client.desired.addresses) {
    const auto interface = InterfaceTowards(address);
    if (interface && MatchesInterface(desired.ruleset.interfaces, interface->name)) {
      client.interface = interface->name;
      client.policy.interface_index = interface->index;
      break;
    }
  }
  client.policy.own = own_;
  client.policy.upstreams = upstreams_;
}

ServedClient Roster::Prepare(const Desired& desired, const DesiredClient& wanted, ClientId id,
                             const ServedClient* before) const {
  ServedClient client;
  client.id = id;
  client.desired = wanted;
  Policy& policy = client.policy;
  policy.client = wanted.name;
  policy.addresses = wanted.addresses;
  policy.generation = before != nullptr ? before->policy.generation : 1;
  policy.rules = wanted.rules;
  policy.terms = desired.pins;
  policy.rebind_ok = desired.rebind_ok;
  policy.bindings = desired.bindings;
  policy.intercept_any = desired.ruleset.intercept_any;
  policy.intercept = desired.ruleset.intercept;
  Place(desired, client);
  if (before != nullptr && !(policy == before->policy)) {
    ++policy.generation;
  }
  client.permissions = std::make_unique<Permissions>(policy);
  client.groups =
      GroupsOf(policy.rules, before != nullptr ? before->groups : std::vector<PinGroup>());
  client.ledger.SetTerms(policy.terms);
  return client;
}

// Pins that the kernel holds for this client go on living under the rules that spell their host.
void Roster::Adopt(ServedClient& client, const std::vector<KernelPin>& kernel_pins, BootTime now) {
  for (const KernelPin& pin : kernel_pins) {
    const auto parts = ReadPinSetName(pin.set);
    const auto first = FirstAddress(client.desired.addresses, pin.family);
    if (!parts || !first || parts->label != AddressLabel(*first) || pin.left.count() <= 0 ||
        pin.address.family() != pin.family) {
      continue;
    }
    AdoptPin(client, pin, now);
  }
}

// Judged as if it were asked for now. A comment that was cut says no whole name: such a pin stays
// with the rule that spells its host, under what is left of the name, until rules change.
void Roster::AdoptPin(ServedClient& client, const KernelPin& pin, BootTime now) {
  const CommentParts comment = ReadPinComment(pin.comment);
  const bool whole = pin.comment.size() < kCommentOctetsMax;
  for (const PinGroup& group : client.groups) {
    for (const uint32_t position : group.rules) {
      const HostPattern& host = *client.policy.rules[position].host;
      if (CutHost(host) != comment.rule_host) {
        continue;
      }
      const auto asked = Name::FromHost(comment.asked);
      const auto places = asked && whole ? PlacesOfHolder(host.Text(), *asked, client.policy,
                                                          *client.permissions, client.groups)
                                         : std::vector<Ledger::Place>{{group.number, host.Text()}};
      const bool placed = std::any_of(places.begin(), places.end(), [&](const auto& place) {
        return place.group == group.number && place.rule_host == host.Text();
      });
      const Name name = asked.value_or(host.name);
      if (placed && MayPin(pin.address, name, client.policy, *client.permissions)) {
        client.ledger.Adopt({group.number, pin.address}, {host.Text(), name, now + pin.left});
        if (whole && client.permissions->Judge(name).LeavesRoom() &&
            client.grants.HasRoom(host.Text(), now)) {
          client.grants.Add({host.Text(), name, Grants::kDepthMax, now + pin.left});
        }
        break;
      }
    }
  }
}

absl::Status Roster::OpenDoors(ServedClients& added) {
  for (auto& [id, client] : added) {
    if (auto status = readers_.OpenDoor(client, 0); !status.ok()) {
      for (const auto& [other_id, other] : added) {
        if (other.port != 0) {
          readers_.CloseDoor(other);
        }
      }
      return status;
    }
  }
  return absl::OkStatus();
}

// Flows that began before the door, or through another, would never come to it.
void Roster::ForgetFlows(const std::vector<Address>& addresses, BootTime now) {
  if (const auto forgotten = ForgetDnsFlows(addresses); !forgotten.ok()) {
    journal_.Say(Priority::kError,
                 fmt::format("old DNS flows remain: {}", std::string(forgotten.status().message())),
                 now);
  }
}

absl::Status Roster::Install(const Desired& desired, const ServedClients& all, BootTime now) {
  Ruleset ruleset{desired.ruleset, {}, DoorwaysOf(all), {}};
  for (const auto& [id, client] : all) {
    ruleset.clients.push_back(RulesOf(client));
    const auto elements = ElementsOf(client, client.ledger, now);
    ruleset.pins.insert(ruleset.pins.end(), elements.begin(), elements.end());
  }
  return firewall_.Install(ruleset);
}

absl::Status Roster::Begin(const Desired& desired, const std::vector<KernelPin>& kernel_pins,
                           BootTime now) {
  LookAround(desired, now);
  ServedClients clients;
  for (const DesiredClient& wanted : desired.clients) {
    const ClientId id{next_client_++};
    ServedClient& client = clients.emplace(id, Prepare(desired, wanted, id, nullptr)).first->second;
    Adopt(client, kernel_pins, now);
  }
  if (auto status = OpenDoors(clients); !status.ok()) {
    return status;
  }
  if (auto status = Install(desired, clients, now); !status.ok()) {
    return status;
  }
  desired_ = desired;
  clients_ = std::move(clients);
  ForgetFlows(AddressesOf(clients_), now);
  for (auto& [id, client] : clients_) {
    readers_.Serve(client, now);
  }
  return absl::OkStatus();
}

// What changes for the clients that stay; those that come go to `added`.
RulesetChange Roster::Compare(const Desired& desired, ServedClients& next, ServedClients& added,
                              BootTime now) {
  RulesetChange change;
  for (const DesiredClient& wanted : desired.clients) {
    const ServedClient* before = FindSame(clients_, wanted);
    if (before != nullptr && next.contains(before->id)) {
      before = nullptr;  // one client has become two: the first goes on with what there is
    }
    const ClientId id = before != nullptr ? before->id : ClientId{next_client_++};
    ServedClient client = Prepare(desired, wanted, id, before);
    if (before == nullptr) {
      added.emplace(id, std::move(client));
      continue;
    }
    client.port = before->port;
    PinMoves moves = MovePins(*before, client, now);
    client.ledger = std::move(moves.after);
    std::move(moves.added.begin(), moves.added.end(), std::back_inserter(change.pins));
    std::move(moves.gone.begin(), moves.gone.end(), std::back_inserter(change.gone));
    change.clients.push_back({RulesOf(*before), RulesOf(client)});
    next.emplace(id, std::move(client));
  }
  return change;
}

absl::Status Roster::Change(const Desired& desired, BootTime now) {
  LookAround(desired, now);
  ServedClients next;  // clients that stay, under their new policy, and those that come
  ServedClients added;
  RulesetChange change = Compare(desired, next, added, now);
  if (auto status = OpenDoors(added); !status.ok()) {
    LookAround(desired_, now);
    return status;
  }
  std::vector<ClientId> arrivals;
  for (auto& [id, client] : added) {
    arrivals.push_back(id);
    change.clients.push_back({{}, RulesOf(client)});
    next.emplace(id, std::move(client));
  }
  for (const auto& [id, client] : clients_) {
    if (!next.contains(id)) {
      change.clients.push_back({RulesOf(client), {}});
    }
  }
  change.doorways = DoorwaysOf(next);
  const bool moved = std::any_of(change.clients.begin(), change.clients.end(), [](const auto& one) {
    return !one.before.addresses.empty() && !one.after.addresses.empty() &&
           one.before.addresses != one.after.addresses;
  });
  const bool by_parts = !moved && desired.ruleset == desired_.ruleset &&
                        desired.pins.per_client == desired_.pins.per_client;
  absl::Status status = by_parts ? firewall_.Apply(change) : Install(desired, next, now);
  if (absl::IsDataLoss(status)) {
    status = Install(desired, next, now);  // the new rules are in force, old pins beside them
  }
  if (!status.ok()) {
    for (const ClientId id : arrivals) {
      readers_.CloseDoor(next.at(id));
    }
    LookAround(desired_, now);
    return status;
  }
  desired_ = desired;
  TakeOver(std::move(next), by_parts, now);
  return absl::OkStatus();
}

// The kernel has the new rules; now everything else does.
void Roster::TakeOver(ServedClients next, bool by_parts, BootTime now) {
  std::vector<Address> moved;  // whose DNS now takes another way, or may
  for (auto it = clients_.begin(); it != clients_.end();) {
    ServedClient& client = it->second;
    const auto after = next.find(it->first);
    if (after == next.end() || !by_parts) {
      moved.insert(moved.end(), client.desired.addresses.begin(), client.desired.addresses.end());
    }
    if (after == next.end()) {
      readers_.CloseDoor(client);
      it = clients_.erase(it);
      continue;
    }
    const bool changed = client.policy.generation != after->second.policy.generation;
    client.TakePolicy(std::move(after->second));
    if (changed) {
      readers_.SendPolicy(client, now);
    }
    next.erase(after);
    ++it;
  }
  const std::vector<Address> arrived = AddressesOf(next);
  moved.insert(moved.end(), arrived.begin(), arrived.end());
  ForgetFlows(moved, now);
  for (auto& [id, client] : next) {
    readers_.Serve(clients_.emplace(id, std::move(client)).first->second, now);
  }
}

void Roster::FollowUpstreams(std::vector<Endpoint> upstreams, BootTime now) {
  std::string names;
  for (const Endpoint& endpoint : upstreams) {
    names += (names.empty() ? "" : ", ") + endpoint.Text();
  }
  desired_.upstreams = std::move(upstreams);
  journal_.Say(names.empty() ? Priority::kError : Priority::kNotice,
               names.empty() ? "there is no upstream now" : "upstreams now: " + names, now);
  FollowRoutes(now);
}

void Roster::FollowRoutes(BootTime now) {
  LookAround(desired_, now);
  for (auto& [id, client] : clients_) {
    const Policy before = client.policy;
    Place(desired_, client);
    if (!(client.policy == before)) {
      ++client.policy.generation;
      client.permissions = std::make_unique<Permissions>(client.policy);
      readers_.SendPolicy(client, now);
    }
  }
}

}  // namespace dnspin
