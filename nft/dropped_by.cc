#include "nft/dropped_by.h"

#include <algorithm>

namespace dnspin {

DroppedBy::DroppedBy(const ServedClient& client)
    : client_(client), walk_(client.policy.rules, client.groups, {}) {}

// A rule that drops an exact name, and its address.
bool DroppedBy::IsOf(uint32_t rule, const Address& address) const {
  const auto* addresses =
      client_.drops.AddressesOf(client_.policy.rules[rule].host->name, address.family());
  return addresses != nullptr &&
         std::find(addresses->begin(), addresses->end(), address) != addresses->end();
}

bool DroppedBy::Holds(const PinGroup& group, const Address& address) const {
  return group.action == Action::kAccept
             ? client_.ledger.Holds({group.number, address})
             : std::any_of(group.rules.begin(), group.rules.end(),
                           [&](uint32_t rule) { return IsOf(rule, address); });
}

std::optional<uint32_t> DroppedBy::Of(const LoggedPacket& packet) const {
  const Address& address = packet.destination;
  const ChainStep end = walk_.EndOf({address, packet.protocol, packet.port},
                                    [&](const PinGroup& group) { return Holds(group, address); });
  if (end.group != nullptr && end.group->action == Action::kDrop) {
    return *std::find_if(end.group->rules.begin(), end.group->rules.end(),
                         [&](uint32_t rule) { return IsOf(rule, address); });
  }
  const bool of_its_own = end.rule != nullptr && end.rule->action == Action::kDrop &&
                          (end.rule->SpellsAddresses() || end.rule->service != Service{});
  return of_its_own ? std::optional(static_cast<uint32_t>(end.rule - client_.policy.rules.data()))
                    : std::nullopt;
}

}  // namespace dnspin
