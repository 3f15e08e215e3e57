#include "cli/rule_line.h"

#include <fmt/format.h>

namespace dnspin {
namespace {

std::string PortsText(const PortRange& ports) {
  return ports.first == ports.last ? fmt::format("{}", ports.first)
                                   : fmt::format("{}-{}", ports.first, ports.last);
}

std::string ProtocolText(Protocol protocol) {
  return protocol == Protocol::kTcp ? "tcp" : protocol == Protocol::kUdp ? "udp" : "icmp";
}

// An address of full length goes without it.
std::string DestinationText(const Prefix& prefix) {
  const bool whole = prefix.length == prefix.address.bytes().size() * 8;
  return whole ? prefix.address.Text() : prefix.Text();
}

}  // namespace

std::string RuleLine(const Rule& rule) {
  std::string text = rule.networks                    ? "addresses-file " + rule.networks->path
                     : rule.action == Action::kAccept ? "accept"
                                                      : "drop";
  const bool positional = rule.host || rule.SpellsAddresses();
  if (rule.host || rule.destination) {
    text += " " + (rule.host ? rule.host->Text() : DestinationText(*rule.destination));
  }
  if (rule.service.protocol != Protocol::kAny) {
    text += (positional ? " " : " proto=") + ProtocolText(rule.service.protocol);
  }
  if (rule.service.ports) {
    text += (positional ? " " : " dstports=") + PortsText(*rule.service.ports);
  }
  if (rule.service.icmp_type) {
    text += fmt::format("{}{}", positional ? " " : " icmptype=", *rule.service.icmp_type);
  }
  if (rule.dns_target) {
    text += " specialtarget=dns";
  }
  if (rule.expire) {
    text += fmt::format(" expire={}", *rule.expire);
  }
  if (!rule.comment.empty()) {
    text += fmt::format(" comment='{}'", rule.comment);
  }
  return text;
}

}  // namespace dnspin
