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

// A rule that spells its destinations or none.
bool Matches(const Rule& rule, const Packet& packet, std::span<const Address> dns_servers) {
  if (!rule.Covers(packet.destination)) {
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

ChainWalk::ChainWalk(std::span<const Rule> rules, std::span<const PinGroup> groups,
                     std::span<const Address> dns_servers)
    : steps_(ChainSteps(rules, groups)), dns_servers_(dns_servers) {}

ChainStep ChainWalk::EndOf(const Packet& packet, const Holds& holds) const {
  for (const ChainStep& step : steps_) {
    if (step.group != nullptr && Matches(step.group->service, packet) && holds(*step.group)) {
      return step;
    }
    if (step.rule != nullptr && Matches(*step.rule, packet, dns_servers_)) {
      return step;
    }
  }
  return {};
}

bool ChainWalk::Accepts(const Packet& packet, const Holds& holds) const {
  const ChainStep end = EndOf(packet, holds);
  return end.group != nullptr ? end.group->action == Action::kAccept
                              : end.rule != nullptr && end.rule->action == Action::kAccept;
}

}  // namespace dnspin
