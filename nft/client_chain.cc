#include "nft/client_chain.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>

#include "nft/learning.h"
#include "nft/log_rules.h"
#include "nft/network_sets.h"
#include "nft/table_view.h"
#include "pinning/check.h"

namespace dnspin {
namespace {

constexpr uint16_t kDnsPort = 53;
constexpr size_t kLogRulesMax = 64;  // of a chain, but for the one at its end
constexpr std::string_view kClientChains = "qbs-";
constexpr std::string_view kHoldChains = "qbs-hold-";
constexpr std::string_view kPinSets = "pin-";
constexpr std::string_view kDropSets = "drop-";

std::string_view Ip(Family family) { return family == Family::kIpv4 ? "ip" : "ip6"; }
std::string_view Icmp(Family family) { return family == Family::kIpv4 ? "icmp" : "icmpv6"; }

std::string RejectText(Family family) {
  return fmt::format("reject with {} type admin-prohibited", Icmp(family));
}

std::string VerdictText(Action action, Family family) {
  return action == Action::kAccept ? "accept" : RejectText(family);
}

std::string PortsText(PortRange ports) {
  return ports.first == ports.last ? fmt::format("{}", ports.first)
                                   : fmt::format("{}-{}", ports.first, ports.last);
}

// Protocols go by number: of a name libnftables would ask /etc/protocols, which may be out of
// reach.
std::string ProtocolText(int protocol) { return fmt::format("meta l4proto {} ", protocol); }

// With a space behind what is not empty.
std::string ServiceText(const Service& service, Family family) {
  const std::string ports = service.ports ? PortsText(*service.ports) : "";
  switch (service.protocol) {
    case Protocol::kAny:
      return ports.empty() ? "" : fmt::format("{} th dport {} ", kBothTransports, ports);
    case Protocol::kTcp:
      return ports.empty() ? ProtocolText(IPPROTO_TCP) : fmt::format("tcp dport {} ", ports);
    case Protocol::kUdp:
      return ports.empty() ? ProtocolText(IPPROTO_UDP) : fmt::format("udp dport {} ", ports);
    case Protocol::kIcmp:
      return service.icmp_type
                 ? fmt::format("{} type {} ", Icmp(family), *service.icmp_type)
                 : ProtocolText(family == Family::kIpv4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6});
  }
  return "";
}

// What of a rule's service is DNS, if anything.
std::optional<Service> DnsPart(Service service) {
  if (service.protocol == Protocol::kIcmp ||
      (service.ports && (service.ports->first > kDnsPort || service.ports->last < kDnsPort))) {
    return std::nullopt;
  }
  service.ports = PortRange{kDnsPort, kDnsPort};
  return service;
}

// A rule that spells its destinations or none. Nothing if no packet of this family can match it.
std::optional<std::string> PlainMatch(const Rule& rule, Family family) {
  std::string text;
  if (rule.destination) {
    if (rule.destination->address.family() != family) {
      return std::nullopt;
    }
    text += fmt::format("{} daddr {} ", Ip(family), rule.destination->Text());
  }
  if (rule.networks) {
    text += fmt::format("{} daddr @{} ", Ip(family), NetworkSetName(rule.networks->path));
  }
  Service service = rule.service;
  if (rule.dns_target) {
    const std::optional<Service> dns = DnsPart(service);
    if (!dns) {
      return std::nullopt;
    }
    service = *dns;
    text += fmt::format("{} daddr @dns-addr ", Ip(family));
  }
  return text + ServiceText(service, family);
}

std::string GroupMatch(const PinGroup& group, const Address& first) {
  const Family family = first.family();
  return fmt::format("{} daddr @{} {}", Ip(family),
                     group.action == Action::kAccept ? PinSetName(first, group.number)
                                                     : DropSetName(first, group.number),
                     ServiceText(group.service, family));
}

bool IsTaught(const PinGroup& group, const RuleList& rules) {
  return std::any_of(group.rules.begin(), group.rules.end(),
                     [&](uint32_t position) { return IsOfLesson(rules[position]); });
}

// Others may call a set `drop-list-1`.
bool IsLabel(std::string_view text) {
  for (const char separator : {'.', ':'}) {
    std::string spelt(text);
    std::replace(spelt.begin(), spelt.end(), '-', separator);
    if (const auto address = Address::Parse(spelt); address && AddressLabel(*address) == text) {
      return true;
    }
  }
  return false;
}

std::string SetName(std::string_view kind, const Address& first, uint32_t group) {
  std::string name(kind);
  name += AddressLabel(first);
  name += '-';
  name += std::to_string(group);
  return name;
}

std::optional<PinSetParts> ReadSetName(std::string_view kind, std::string_view name) {
  const size_t dash = name.rfind('-');
  if (!name.starts_with(kind) || dash < kind.size()) {
    return std::nullopt;
  }
  PinSetParts parts{std::string(name.substr(kind.size(), dash - kind.size())), 0};
  const char* end = name.data() + name.size();
  const auto [stopped, error] = std::from_chars(name.data() + dash + 1, end, parts.group);
  if (error != std::errc() || stopped != end || name[dash + 1] == '0' || !IsLabel(parts.label)) {
    return std::nullopt;
  }
  return parts;
}

}  // namespace

std::string AddressLabel(const Address& address) {
  std::string label = address.Text();
  std::replace_if(
      label.begin(), label.end(), [](char c) { return c == '.' || c == ':'; }, '-');
  return label;
}

std::string ChainName(const Address& client) {
  return std::string(kClientChains) + AddressLabel(client);
}

std::string HoldChainName(const Address& client) {
  return std::string(kHoldChains) + AddressLabel(client);
}

bool IsHoldChain(std::string_view name) { return name.starts_with(kHoldChains); }

bool IsClientChain(std::string_view name) { return name.starts_with(kClientChains); }

bool IsClientSet(std::string_view name) { return ReadPinSetName(name) || ReadDropSetName(name); }

std::string PinSetName(const Address& first, uint32_t group) {
  return SetName(kPinSets, first, group);
}

std::string DropSetName(const Address& first, uint32_t group) {
  return SetName(kDropSets, first, group);
}

std::optional<Address> FirstAddress(std::span<const Address> addresses, Family family) {
  const auto first = std::find_if(addresses.begin(), addresses.end(),
                                  [family](const Address& a) { return a.family() == family; });
  return first == addresses.end() ? std::nullopt : std::optional(*first);
}

std::optional<PinSetParts> ReadPinSetName(std::string_view name) {
  return ReadSetName(kPinSets, name);
}

std::optional<PinSetParts> ReadDropSetName(std::string_view name) {
  return ReadSetName(kDropSets, name);
}

std::vector<std::string> PinSetsOf(const ClientRules& client, Family family) {
  std::vector<std::string> names;
  if (const std::optional<Address> first = FirstAddress(client.addresses, family)) {
    for (const PinGroup& group : client.groups) {
      if (group.action == Action::kAccept) {
        names.push_back(PinSetName(*first, group.number));
      }
    }
  }
  return names;
}

DropSets DropSetsOf(const ClientRules& client, Family family) {
  DropSets sets;
  if (const std::optional<Address> first = FirstAddress(client.addresses, family)) {
    for (const PinGroup& group : client.groups) {
      if (group.action == Action::kDrop) {
        sets[DropSetName(*first, group.number)] = {};
      }
    }
    for (const DropElement& element : client.drops) {
      if (element.address.family() == family) {
        sets.at(DropSetName(*first, element.group)).push_back(element);
      }
    }
  }
  return sets;
}

std::vector<std::string> ChainRules(const ClientRules& client, Family family) {
  const std::optional<Address> first = FirstAddress(client.addresses, family);
  DNSPIN_CHECK(first.has_value());
  std::vector<std::string> lines;
  // What stands behind where it is closed comes into force once the addresses to drop are known.
  const size_t open = std::min<size_t>(client.closed_from, client.rules.size());
  ptrdiff_t groups = 0;
  size_t logged = 0;
  const auto log = [&](const std::string& match, Action action) {
    if (client.logged && logged++ < kLogRulesMax) {
      lines.push_back(match + LogText(action));
    }
  };
  for (const ChainStep& step : ChainSteps(std::span(client.rules).first(open), client.groups)) {
    if (step.group != nullptr) {
      ++groups;
      const PinGroup& group = *step.group;
      const std::string match = GroupMatch(group, *first);
      if (group.action == Action::kDrop || IsTaught(group, client.rules)) {
        log(match, group.action);
      }
      lines.push_back(match + VerdictText(group.action, family));
    } else if (const std::optional<std::string> match = PlainMatch(*step.rule, family)) {
      if (step.rule->action == Action::kDrop) {
        log(*match, Action::kDrop);
      }
      lines.push_back(*match + VerdictText(step.rule->action, family));
    }
  }
  // Else a set without a rule: pins that open nothing.
  DNSPIN_CHECK(groups ==
               std::count_if(client.groups.begin(), client.groups.end(),
                             [open](const PinGroup& group) { return group.rules.front() < open; }));
  if (client.logged) {
    lines.push_back(LogText(Action::kDrop));
  }
  lines.push_back(RejectText(family));
  if (!client.digest.empty()) {
    lines.back() += fmt::format(" comment \"{}{}\"", kDigestComment, client.digest);
  }
  return lines;
}

// FNV-1a, 64 bits: an administrator's own rules are no attack on it.
std::string RulesDigest(const Policy& policy) {
  static const std::vector<AddressRange> kNoRanges;
  uint64_t hash = 0xcbf29ce484222325U;
  const auto add = [&hash](std::string_view text) {
    for (const char c : text) {
      hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3U;
    }
  };
  for (const Rule& rule : policy.rules) {
    add(rule.Text());
    for (const AddressRange& range : rule.networks ? rule.networks->ranges : kNoRanges) {
      add(range.first.Text());
      add("-");
      add(range.last.Text());
    }
    add("\n");
  }
  for (const HostPattern& pattern : policy.rebind_ok) {
    add(pattern.Text());
    add("\r");
  }
  if (policy.reaches_upstreams) {  // what `specialtarget=dns` stands for
    for (const Upstream& upstream : policy.upstreams) {
      add(upstream.endpoint.address.Text());
      add("\v");
    }
  }
  return fmt::format("{:016x}", hash);
}

std::string DigestText(const std::string& digest, std::span<const std::string> interfaces) {
  constexpr size_t kInterfacesMax = 4;  // a comment has 128 octets
  const auto known = interfaces.first(std::min(interfaces.size(), kInterfacesMax));
  return fmt::format("{}{}{}", digest, known.empty() ? "" : " ", fmt::join(known, " "));
}

std::vector<std::string> InterfacesOfDigest(std::string_view text) {
  std::vector<std::string> interfaces;
  for (size_t space = text.find(' '); space != std::string_view::npos;) {
    text.remove_prefix(space + 1);
    space = text.find(' ');
    interfaces.emplace_back(text.substr(0, space));
  }
  return interfaces;
}

}  // namespace dnspin
