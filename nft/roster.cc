#include "nft/roster.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

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

const ServedClient* FindSame(const ServedClients& clients, const DesiredClient& wanted) {
  const auto found = std::find_if(clients.begin(), clients.end(), [&](const auto& entry) {
    return entry.second.desired.name == wanted.name &&
           entry.second.desired.addresses == wanted.addresses;
  });
  return found == clients.end() ? nullptr : &found->second;
}

// A name that a comment was cut through may be another's; it is judged again at the next change.
Name AskedOf(const CommentParts& parts, const HostPattern& host) {
  return Name::FromHost(parts.asked).value_or(host.name);
}

}  // namespace

std::optional<Interface> Roster::InterfaceTowards(const Address& address) const {
  auto interface = routes_.Towards(address);
  return interface.ok() ? *std::move(interface) : std::nullopt;  // no route: nowhere, for now
}

// What this machine's addresses and routes are now.
void Roster::LookAround(const Desired& desired) {
  if (auto local = routes_.OwnAddresses(); local.ok()) {
    own_ = *std::move(local);  // else those of before stay: none may be forgotten
  }
  for (const DesiredClient& client : desired.clients) {
    own_.insert(own_.end(), client.addresses.begin(), client.addresses.end());
  }
  std::sort(own_.begin(), own_.end());
  own_.erase(std::unique(own_.begin(), own_.end()), own_.end());
  upstreams_.clear();
  for (const Endpoint& endpoint : desired.upstreams) {
    const auto interface = InterfaceTowards(endpoint.address);
    upstreams_.push_back({endpoint, interface ? interface->name : std::string()});
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
    const CommentParts comment = ReadPinComment(pin.comment);
    for (const PinGroup& group : client.groups) {
      for (const uint32_t position : group.rules) {
        const HostPattern& host = *client.policy.rules[position].host;
        if (PinComment(host.Text(), host.name).starts_with(comment.rule_host) &&
            ReadPinComment(PinComment(host.Text(), host.name)).rule_host == comment.rule_host) {
          client.ledger.Adopt({group.number, pin.address},
                              {host.Text(), AskedOf(comment, host), now + pin.left});
          break;
        }
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
void Roster::Greet(ServedClient& client, BootTime now) {
  if (const auto forgotten = ForgetDnsFlows(client.desired.addresses); !forgotten.ok()) {
    journal_.Say(Priority::kError,
                 fmt::format("old DNS flows of {} remain: {}", client.desired.name,
                             std::string(forgotten.status().message())),
                 now);
  }
  readers_.Serve(client, now);
}

void Roster::Dismiss(ServedClient& client) {
  ForgetDnsFlows(client.desired.addresses).status().IgnoreError();  // the door is gone either way
  readers_.CloseDoor(client);
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
  LookAround(desired);
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
  for (auto& [id, client] : clients_) {
    Greet(client, now);
  }
  return absl::OkStatus();
}

absl::Status Roster::Change(const Desired& desired, BootTime now) {
  LookAround(desired);
  RulesetChange change;
  ServedClients next;   // clients that stay, under their new policy, and those that come
  ServedClients added;  // numbers into `next` only while doors are opened
  for (const DesiredClient& wanted : desired.clients) {
    const ServedClient* const before = FindSame(clients_, wanted);
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
  if (auto status = OpenDoors(added); !status.ok()) {
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
  const bool same_terms =
      desired.ruleset == desired_.ruleset && desired.pins.per_client == desired_.pins.per_client;
  absl::Status status = same_terms ? firewall_.Apply(change) : Install(desired, next, now);
  if (absl::IsDataLoss(status)) {
    status = Install(desired, next, now);  // the new rules are in force, old pins beside them
  }
  if (!status.ok()) {
    for (const ClientId id : arrivals) {
      readers_.CloseDoor(next.at(id));
    }
    LookAround(desired_);
    return status;
  }
  desired_ = desired;
  TakeOver(std::move(next), now);
  return absl::OkStatus();
}

// The kernel has the new rules; now everything else does.
void Roster::TakeOver(ServedClients next, BootTime now) {
  for (auto it = clients_.begin(); it != clients_.end();) {
    const auto after = next.find(it->first);
    if (after == next.end()) {
      Dismiss(it->second);
      it = clients_.erase(it);
      continue;
    }
    ServedClient& client = it->second;  // its channel and its watch stay where they are
    const bool changed = client.policy.generation != after->second.policy.generation;
    client.desired = std::move(after->second.desired);
    client.policy = std::move(after->second.policy);
    client.permissions = std::move(after->second.permissions);
    client.groups = std::move(after->second.groups);
    client.ledger = std::move(after->second.ledger);
    client.interface = std::move(after->second.interface);
    if (changed) {
      readers_.SendPolicy(client, now);
    }
    next.erase(after);
    ++it;
  }
  for (auto& [id, client] : next) {
    Greet(clients_.emplace(id, std::move(client)).first->second, now);
  }
}

void Roster::FollowRoutes(BootTime now) {
  LookAround(desired_);
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
