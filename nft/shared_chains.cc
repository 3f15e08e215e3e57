#include "nft/shared_chains.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include "nft/client_chain.h"
#include "pinning/check.h"
#include "pinning/kernel_name.h"

namespace dnspin {
namespace {

std::vector<std::string> OfFamily(std::span<const Address> addresses, Family family) {
  std::vector<std::string> texts;
  for (const Address& address : addresses) {
    if (address.family() == family) {
      texts.push_back(address.Text());
    }
  }
  return texts;
}

// `which`: "iifname" or "oifname".
std::string OnNoClientInterface(const RulesetTerms& terms, std::string_view which) {
  std::string text;
  for (const std::string& interface : terms.interfaces) {
    text += fmt::format("{} != \"{}\" ", which, interface);
  }
  return text;
}

// One rule an interface: a pattern in a set is beyond old kernels.
std::vector<std::string> ForwardRules(const RulesetTerms& terms, std::string_view ip) {
  std::vector<std::string> rules;
  if (terms.snoop) {
    // Of whatever server: the reader knows whose word counts, and what others say goes nowhere.
    rules.push_back(fmt::format("udp sport 53 ct state established {} daddr vmap @held", ip));
  }
  rules.emplace_back("ct state established,related accept");
  for (const std::string& interface : terms.interfaces) {
    if (!terms.inbound_open) {
      rules.push_back(fmt::format("oifname \"{}\" drop", interface));
    }
  }
  rules.push_back(OnNoClientInterface(terms, "iifname") + "accept");
  rules.emplace_back("jump qubes-forward");
  return rules;
}

// Where packets leave: those to qubes that are not there do so nowhere else.
std::vector<std::string> LeavingRules(const RulesetTerms& terms, std::string_view ip) {
  return terms.connected ? std::vector{OnNoClientInterface(terms, "oifname") +
                                       fmt::format("{} daddr @connected drop", ip)}
                         : std::vector<std::string>();
}

std::vector<std::string> SourceRules(const RulesetTerms& terms, std::string_view ip) {
  std::vector<std::string> rules;
  if (terms.connected) {
    rules.push_back(OnNoClientInterface(terms, "iifname") +
                    fmt::format("{} saddr @connected drop", ip));
  }
  for (const std::string& interface : terms.interfaces) {
    // What has no address yet (DHCP, duplicate address detection) the kernel never finds missing.
    rules.push_back(fmt::format(
        "iifname \"{}\" {}fib saddr . iif oif missing drop", interface,
        terms.connected ? fmt::format("iifname . {} saddr != @sources ", ip) : std::string()));
  }
  return rules;
}

std::vector<std::string> DoorRules(const RulesetTerms& terms, Family family, std::string_view ip) {
  const std::vector<std::string> asked = OfFamily(terms.intercept, family);
  if (asked.empty() && !terms.intercept_any) {
    return {};
  }
  const std::string servers =
      terms.intercept_any ? "" : fmt::format("{} daddr {{ {} }} ", ip, fmt::join(asked, ", "));
  std::vector<std::string> rules;
  for (const std::string& interface : terms.interfaces) {
    if (terms.snoop) {
      const std::string held = fmt::format("iifname \"{}\" {} saddr @held ", interface, ip);
      // What this machine itself answers is not forwarded: it could not be held.
      rules.push_back(fmt::format(
          "{}fib daddr type != local {} daddr . udp dport @upstreams accept", held, ip));
      const std::vector<std::string> virtual_servers = OfFamily(terms.intercept, family);
      if (terms.connected && !virtual_servers.empty()) {  // Qubes OS' own NAT comes behind this
        rules.push_back(fmt::format("{}{} daddr {{ {} }} udp dport 53 accept", held, ip,
                                    fmt::join(virtual_servers, ", ")));
      }
    }
    const std::string question =
        fmt::format("iifname \"{}\" {}{} th dport 53", interface, servers, kBothTransports);
    rules.push_back(fmt::format("{} redirect to :{} saddr map @doors", question, ip));
    rules.push_back(question + " drop");  // whoever has no door
  }
  return rules;
}

// A reader that its client has broken talks to nobody but those: a client that asked it by that
// client's own door, and the upstreams. Each rule names the uid by itself: what has no socket
// matches none.
std::vector<std::string> ReaderRules(const RulesetTerms& terms, std::string_view ip) {
  DNSPIN_CHECK(terms.reader_uid != 0);  // root is somebody else
  const std::string sent = fmt::format("meta skuid {} ", terms.reader_uid);
  std::vector<std::string> rules;
  for (const std::string& interface : terms.interfaces) {
    rules.push_back(
        fmt::format("{}oifname \"{}\" ct direction reply {} {} daddr . th sport @replies accept",
                    sent, interface, kBothTransports, ip));
  }
  rules.push_back(sent + OnNoClientInterface(terms, "oifname") +
                  fmt::format("{} {} daddr . th dport @upstreams accept", kBothTransports, ip));
  // Not dropped: a socket that lives on could be closed, and what it still sends has no uid.
  rules.push_back(sent + "meta l4proto tcp counter reject with tcp reset");
  rules.push_back(sent + "counter drop");
  return rules;
}

}  // namespace

void PutAddresses(CommandText& commands, std::string_view verb, std::string_view set,
                  std::span<const Address> addresses) {
  const std::vector<std::string> texts = OfFamily(addresses, commands.family());
  if (!texts.empty()) {
    commands.Put(verb, fmt::format("{} {{ {} }}", set, fmt::join(texts, ", ")));
  }
}

void PutDoorwayElements(CommandText& commands, std::string_view verb,
                        std::span<const Doorway> doorways) {
  std::vector<std::string> doors;
  std::vector<std::string> replies;
  for (const Doorway& doorway : doorways) {
    if (doorway.client.family() == commands.family()) {
      doors.push_back(fmt::format("{} : {}", doorway.client.Text(), doorway.port));
      replies.push_back(fmt::format("{} . {}", doorway.client.Text(), doorway.port));
    }
  }
  if (!doors.empty()) {
    commands.Put(verb, fmt::format("doors {{ {} }}", fmt::join(doors, ", ")));
    commands.Put(verb, fmt::format("replies {{ {} }}", fmt::join(replies, ", ")));
  }
}

void PutUpstreamElements(CommandText& commands, std::string_view verb,
                         std::span<const Endpoint> upstreams) {
  std::vector<std::string> elements;
  for (const Endpoint& upstream : upstreams) {
    if (upstream.address.family() == commands.family()) {
      elements.push_back(fmt::format("{} . {}", upstream.address.Text(), upstream.port));
    }
  }
  if (!elements.empty()) {
    commands.Put(verb, fmt::format("upstreams {{ {} }}", fmt::join(elements, ", ")));
  }
}

void PutSourceElements(CommandText& commands, std::string_view verb,
                       std::span<const Source> sources) {
  std::vector<std::string> elements;
  for (const Source& source : sources) {
    DNSPIN_CHECK(IsInterfaceName(source.interface));
    if (source.client.family() == commands.family()) {
      elements.push_back(fmt::format("\"{}\" . {}", source.interface, source.client.Text()));
    }
  }
  if (!elements.empty()) {
    commands.Put(verb, fmt::format("sources {{ {} }}", fmt::join(elements, ", ")));
  }
}

void PutSources(CommandText& commands, std::span<const Source> sources) {
  commands.Put("flush set", "sources");
  PutSourceElements(commands, "add element", sources);
}

void PutFilterTable(CommandText& commands, const RulesetTerms& terms) {
  commands.PutTable("add");
  commands.Put("add chain", "forward { type filter hook forward priority filter; policy drop; }");
  commands.Put("add chain", "qubes-forward");
  commands.Put("add chain",
               "prerouting { type filter hook prerouting priority raw; policy accept; }");
  commands.Put("add set", fmt::format("dns-addr {{ type {}; }}", commands.key_type()));
  commands.Put("add map", fmt::format("clients {{ type {} : verdict; }}", commands.key_type()));
  commands.Put("flush set", "dns-addr");
  PutAddresses(commands, "add element", "dns-addr", terms.dns_servers);
  if (terms.connected) {
    commands.Put("add set", fmt::format("sources {{ type ifname . {}; }}", commands.key_type()));
    commands.Put("add chain",
                 "postrouting { type filter hook postrouting priority raw; policy accept; }");
    commands.Put("add set", fmt::format("connected {{ type {}; }}", commands.key_type()));
    commands.Put("flush set", "connected");
    PutAddresses(commands, "add element", "connected", *terms.connected);
  }
}

void PutHeld(CommandText& filter) {
  filter.Put("add map", fmt::format("held {{ type {} : verdict; }}", filter.key_type()));
  filter.Put("flush map", "held");
}

void PutUndoored(CommandText& doors, std::span<const Address> held) {
  doors.Put("add set", fmt::format("held {{ type {}; }}", doors.key_type()));
  doors.Put("flush set", "held");
  PutAddresses(doors, "add element", "held", held);
}

size_t SharedRuleCount(const RulesetTerms& terms) {
  return ForwardRules(terms, "ip").size() + SourceRules(terms, "ip").size() +
         LeavingRules(terms, "ip").size() + 1;
}

void PutFilterRules(CommandText& commands, const RulesetTerms& terms, const TableView& view) {
  DNSPIN_CHECK(!terms.interfaces.empty());  // else everything would pass
  for (const std::string& interface : terms.interfaces) {
    DNSPIN_CHECK(IsInterfacePattern(interface));
  }
  const std::string lookup = fmt::format("{} saddr vmap @clients", commands.ip());
  commands.PutSharedRules("forward", ForwardRules(terms, commands.ip()), view);
  commands.PutSharedRules("qubes-forward", {&lookup, 1}, view);
  commands.PutSharedRules("prerouting", SourceRules(terms, commands.ip()), view);
  if (terms.connected || view.HasChain("postrouting")) {
    commands.PutSharedRules("postrouting", LeavingRules(terms, commands.ip()), view);
  }
}

void PutDoorsTable(CommandText& commands, const RulesetTerms& terms, const TableView& view) {
  commands.PutTable("add");
  commands.Put("add chain",
               "prerouting { type nat hook prerouting priority dstnat - 1; policy accept; }");
  commands.Put("add map", fmt::format("doors {{ type {} : inet_service; }}", commands.key_type()));
  commands.Put("add set",
               fmt::format("upstreams {{ type {} . inet_service; }}", commands.key_type()));
  commands.PutSharedRules("prerouting", DoorRules(terms, commands.family(), commands.ip()), view);
  commands.Put("add chain", "output { type filter hook output priority filter; policy accept; }");
  commands.Put("add set",
               fmt::format("replies {{ type {} . inet_service; }}", commands.key_type()));
  commands.Put("flush set", "upstreams");
  PutUpstreamElements(commands, "add element", terms.upstreams);
  commands.PutSharedRules("output", ReaderRules(terms, commands.ip()), view);
}

void PutDoorways(CommandText& commands, std::span<const Doorway> doorways) {
  commands.Put("flush map", "doors");
  commands.Put("flush set", "replies");
  PutDoorwayElements(commands, "add element", doorways);
}

void PutQubesRules(CommandText& commands, std::span<const std::string> interfaces,
                   const TableView& view) {
  if (!view.HasChain(kQubesInputChain)) {
    return;
  }
  // A question that was sent to a door comes in by INPUT, which Qubes OS keeps shut.
  std::vector<std::string> rules;
  for (const std::string& interface : interfaces) {
    for (const int transport : {IPPROTO_UDP, IPPROTO_TCP}) {
      rules.push_back(fmt::format(
          "iifname \"{}\" ct status dnat meta l4proto {} ct original proto-dst 53 accept",
          interface, transport));
    }
  }
  commands.PutSharedRules(kQubesInputChain, rules, view);
}

}  // namespace dnspin
