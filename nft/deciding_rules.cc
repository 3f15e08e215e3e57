#include "nft/deciding_rules.h"

#include <algorithm>

namespace dnspin {
namespace {

// True if all that is of `narrow` is of `wide`.
bool Includes(const Service& wide, const Service& narrow) {
  const bool ports = !wide.ports || (narrow.ports && wide.ports->first <= narrow.ports->first &&
                                     wide.ports->last >= narrow.ports->last);
  return (wide.protocol == Protocol::kAny || wide.protocol == narrow.protocol) && ports &&
         (!wide.icmp_type || wide.icmp_type == narrow.icmp_type);
}

}  // namespace

DecidingRules::DecidingRules(const ServedClient& client)
    : client_(client),
      steps_(ChainSteps(client.policy.rules, client.groups)),
      walk_(client.policy.rules, client.groups, {}) {}

// Of a group of drops the one whose name has the address.
std::optional<uint32_t> DecidingRules::HoldingRule(const PinGroup& group,
                                                   const Address& address) const {
  if (group.action == Action::kAccept) {
    return client_.ledger.Holds({group.number, address}) ? std::optional(group.rules.front())
                                                         : std::nullopt;
  }
  const auto found = std::find_if(group.rules.begin(), group.rules.end(), [&](uint32_t rule) {
    const auto* addresses =
        client_.drops.AddressesOf(client_.policy.rules[rule].host->name, address.family());
    return addresses != nullptr &&
           std::find(addresses->begin(), addresses->end(), address) != addresses->end();
  });
  return found == group.rules.end() ? std::nullopt : std::optional(*found);
}

std::optional<uint32_t> DecidingRules::DropOf(const LoggedPacket& packet) const {
  const Address& address = packet.destination;
  const ChainStep end =
      walk_.EndOf({address, packet.protocol, packet.port},
                  [&](const PinGroup& group) { return HoldingRule(group, address).has_value(); });
  if (end.group != nullptr && end.group->action == Action::kDrop) {
    return HoldingRule(*end.group, address);
  }
  const bool of_its_own = end.rule != nullptr && end.rule->action == Action::kDrop &&
                          (end.rule->SpellsAddresses() || end.rule->service != Service{});
  return of_its_own ? std::optional(static_cast<uint32_t>(end.rule - client_.policy.rules.data()))
                    : std::nullopt;
}

std::optional<DecidingRules::Decision> DecidingRules::DecisionOf(const ChainStep& step,
                                                                 const Address& address) const {
  if (step.group != nullptr) {
    const auto rule = HoldingRule(*step.group, address);
    return rule ? std::optional<Decision>({*rule, step.group->number}) : std::nullopt;
  }
  if (step.rule->dns_target || !step.rule->Covers(address)) {
    return std::nullopt;
  }
  return Decision{static_cast<uint32_t>(step.rule - client_.policy.rules.data())};
}

std::vector<DecidingRules::Decision> DecidingRules::On(const Address& address) const {
  std::vector<Decision> decisions;
  const auto& rules = client_.policy.rules;
  for (const ChainStep& step : steps_) {
    auto decision = DecisionOf(step, address);
    if (!decision) {
      continue;
    }
    const Service& service = rules[decision->rule].service;
    decision->reached = decision->rule < client_.policy.closed_from &&
                        std::none_of(decisions.begin(), decisions.end(), [&](const Decision& one) {
                          return Includes(rules[one.rule].service, service);
                        });
    decisions.push_back(*decision);
    if (service == Service{}) {
      break;
    }
  }
  return decisions;
}

}  // namespace dnspin
