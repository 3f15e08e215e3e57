#include "pinning/chain_walk.h"

#include <netinet/in.h>

#include <algorithm>

namespace dnspin {
namespace {

constexpr uint16_t kDnsPort = 53;

bool IsTransport(const Packet& packet) {
  return packet.protocol == IPPROTO_TCP || packet.protocol == IPPROTO_UDP;
}

bool HasPort(const Packet& packet, PortRange ports) {
  return IsTransport(packet) && ports.first <= packet.port && packet.port <= ports.last;
}

bool IsIcmp(const Packet& packet) {
  const bool ipv4 = packet.destination.family() == Family::kIpv4;
  return packet.protocol == (ipv4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6});
}

bool Matches(const Service& service, const Packet& packet) {
  switch (service.protocol) {
    case Protocol::kAny:
      return !service.ports || HasPort(packet, *service.ports);
    case Protocol::kTcp:
      return packet.protocol == IPPROTO_TCP && (!service.ports || HasPort(packet, *service.ports));
    case Protocol::kUdp:
      return packet.protocol == IPPROTO_UDP && (!service.ports || HasPort(packet, *service.ports));
    case Protocol::kIcmp:
      return IsIcmp(packet) && (!service.icmp_type || packet.icmp_type == *service.icmp_type);
  }
  return false;
}

// A rule that spells its destination or none.
bool Matches(const Rule& rule, const Packet& packet, std::span<const Address> dns_servers) {
  if (rule.destination && !rule.destination->Contains(packet.destination)) {
    return false;
  }
  if (rule.dns_target && (!HasPort(packet, {kDnsPort, kDnsPort}) ||
                          std::find(dns_servers.begin(), dns_servers.end(), packet.destination) ==
                              dns_servers.end())) {
    return false;
  }
  return Matches(rule.service, packet);
}

}  // namespace

bool Accepts(const ChainOfRules& chain, const Packet& packet,
             const std::function<bool(const PinGroup& group)>& holds) {
  auto group = chain.groups.begin();  // they stand in the order of their first rules
  for (uint32_t position = 0; position < chain.rules.size(); ++position) {
    const Rule& rule = chain.rules[position];
    if (group != chain.groups.end() && group->rules.front() == position) {
      if (Matches(group->service, packet) && holds(*group)) {
        return group->action == Action::kAccept;
      }
      ++group;
    } else if (!rule.host && Matches(rule, packet, chain.dns_servers)) {
      return rule.action == Action::kAccept;
    }
  }
  return false;
}

}  // namespace dnspin
