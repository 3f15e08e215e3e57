#include "nft/preparation.h"

#include <algorithm>
#include <utility>

namespace dnspin {

uint32_t SetSizeFor(const ServedClient& client, const Ledger& held) {
  const uint32_t quota = client.policy.terms.per_client;
  return std::max(2 * quota, static_cast<uint32_t>(held.pins().size()) + quota);
}

bool Place(ServedClient& client, const Surroundings& surroundings) {
  if (std::exchange(client.placed, surroundings.revision()) == surroundings.revision()) {
    return false;
  }
  const auto [interfaces, sure] = surroundings.WhereaboutsOf(client.desired);
  if (!sure) {
    client.placed = 0;
  }
  std::vector<uint32_t> indexes;
  client.interface.clear();
  for (const Interface& interface : interfaces) {
    indexes.push_back(interface.index);
    client.interface += (client.interface.empty() ? "" : ",") + interface.name;
  }
  Policy& policy = client.policy;
  if (policy.interface_indexes == indexes && policy.own == surroundings.own() &&
      policy.upstreams == surroundings.upstreams()) {
    return false;
  }
  policy.interface_indexes = std::move(indexes);
  policy.own = surroundings.own();
  policy.upstreams = surroundings.upstreams();
  return true;
}

NetworkLists GiveNetworks(const NetworkLists& lists, RuleList& rules) {
  NetworkLists given;
  if (std::none_of(rules.begin(), rules.end(), [](const Rule& rule) { return rule.networks; })) {
    return given;
  }
  for (Rule& rule : rules.Own()) {
    if (!rule.networks) {
      continue;
    }
    if (const auto list = lists.find(rule.networks->path); list != lists.end()) {
      rule.networks = list->second;
    }
    given.emplace(rule.networks->path, rule.networks);
  }
  return given;
}

std::vector<uint32_t> Prefetched(const RuleList& rules) {
  std::vector<uint32_t> positions;
  for (uint32_t position = 0; position < rules.size(); ++position) {
    const Rule& rule = rules[position];
    if (rule.prefetch && rule.PinsNames() && rule.host->kind == HostPattern::Kind::kName) {
      positions.push_back(position);
    }
  }
  return positions;
}

ServedClient Prepare(const Desired& desired, const DesiredClient& wanted,
                     const ServedClient* before, DropNames drops,
                     const Surroundings& surroundings) {
  ServedClient client;
  client.desired = wanted;
  Policy& policy = client.policy;
  policy.client = wanted.name;
  policy.addresses = wanted.addresses;
  policy.generation = before != nullptr ? before->policy.generation : 1;
  policy.rules = wanted.rules;
  client.lists = GiveNetworks(desired.lists, policy.rules);
  client.drops = std::move(drops);
  client.drops.Follow(policy.rules);
  client.learned = client.drops;
  policy.closed_from = client.drops.ClosedFrom(policy.rules, policy.addresses);
  policy.prefetch = Prefetched(policy.rules);
  policy.terms = desired.pins;
  policy.limits = desired.limits;
  policy.rebind_ok = desired.rebind_ok;
  policy.bindings = desired.bindings;
  policy.intercept_any = desired.ruleset.intercept_any;
  policy.intercept = desired.ruleset.intercept;
  policy.reaches_upstreams = desired.dns_is_upstream;
  client.logged = desired.ruleset.logged;
  client.snooped = desired.ruleset.snoop;
  client.fails_open = desired.ruleset.snoop_fail_open;
  Place(client, surroundings);
  client.ledger.SetTerms(policy.terms);
  return client;
}

bool DiffersInPlaceOnly(ServedClient& next, const ServedClient& before) {
  if (next.desired.interfaces != before.desired.interfaces) {
    return false;  // the kernel's comment says them
  }
  const Policy& was = before.policy;
  Policy& is = next.policy;
  auto indexes = std::exchange(is.interface_indexes, was.interface_indexes);
  auto upstreams = std::exchange(is.upstreams, was.upstreams);
  auto own = std::exchange(is.own, was.own);
  const bool same = is == was;
  is.interface_indexes = std::move(indexes);
  is.upstreams = std::move(upstreams);
  is.own = std::move(own);
  const auto& pins = before.ledger.pins();
  return same && (is.own == was.own || std::none_of(pins.begin(), pins.end(), [&](const auto& pin) {
                    return std::binary_search(is.own.begin(), is.own.end(), pin.first.address);
                  }));
}

bool HaveSameTerms(const Desired& now, const Desired& then) {
  return now.pins == then.pins && now.limits == then.limits && now.rebind_ok == then.rebind_ok &&
         now.bindings == then.bindings && now.dns_is_upstream == then.dns_is_upstream &&
         now.ruleset.intercept_any == then.ruleset.intercept_any &&
         now.ruleset.intercept == then.ruleset.intercept && now.lists == then.lists;
}

bool IsUntouched(const DesiredClient& wanted, const ServedClient& before,
                 const Surroundings& surroundings) {
  // Rules are equal also where only one of them is resolved unasked.
  return wanted == before.desired && Prefetched(wanted.rules) == before.policy.prefetch &&
         !before.drops_due &&
         (before.placed == surroundings.revision() || before.policy.own == surroundings.own());
}

void Complete(ServedClient& client, const ServedClient* before) {
  if (before != nullptr) {
    ++client.policy.generation;
    client.id = before->id;
    client.port = before->port;
  }
  client.permissions = std::make_shared<const Permissions>(client.policy);
  client.groups =
      GroupsOf(client.policy.rules, before != nullptr ? before->groups : std::vector<PinGroup>());
  client.digest = DigestText(RulesDigest(client.policy), client.desired.interfaces);
  client.set_size =
      before != nullptr && before->policy.terms.per_client == client.policy.terms.per_client
          ? before->set_size
          : SetSizeFor(client, before != nullptr ? before->ledger : client.ledger);
}

}  // namespace dnspin
