#include "cli/verdicts.h"

#include <netinet/in.h>

#include <algorithm>

#include "config/settings.h"

namespace dnspin {
namespace {

Policy PolicyOf(std::vector<Rule> rules) {
  Policy policy;
  policy.rules = std::move(rules);
  policy.intercept = Settings().intercept;
  return policy;
}

uint8_t ProtocolNumber(Protocol protocol, Family family) {
  switch (protocol) {
    case Protocol::kTcp:
      return IPPROTO_TCP;
    case Protocol::kUdp:
      return IPPROTO_UDP;
    case Protocol::kIcmp:
      return family == Family::kIpv4 ? uint8_t{IPPROTO_ICMP} : uint8_t{IPPROTO_ICMPV6};
    case Protocol::kAny:
      break;
  }
  return IPPROTO_RAW;  // which no rule names
}

}  // namespace

Verdicts::Verdicts(std::vector<Rule> rules)
    : policy_(PolicyOf(std::move(rules))),
      permissions_(policy_),
      groups_(GroupsOf({policy_.rules.data(), policy_.rules.size()}, {})),
      walk_({policy_.rules.data(), policy_.rules.size()}, groups_, policy_.intercept) {}

bool Verdicts::Opens(const Address& address, const Service& service,
                     const std::optional<Name>& host) const {
  const Positions pinned = host ? permissions_.Judge(*host).pinned : Positions();
  const Packet packet{address, ProtocolNumber(service.protocol, address.family()),
                      service.ports ? service.ports->first : uint16_t{0},
                      service.icmp_type.value_or(uint8_t{8})};
  return walk_.Accepts(packet, [&](const PinGroup& group) {
    return std::ranges::any_of(group.rules, [&](uint32_t rule) {
      return std::ranges::find(pinned, rule) != pinned.end();
    });
  });
}

std::string Verdicts::OriginOf(const Permission& permission) const {
  return permission.standing == Standing::kProhibited
             ? std::string()
             : policy_.rules[permission.rule].origin.Text();
}

}  // namespace dnspin
