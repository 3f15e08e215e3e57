#include "pinning/rule.h"

#include <utility>

namespace dnspin {

std::string HostPattern::Text() const {
  switch (kind) {
    case Kind::kName:
      return name.Text();
    case Kind::kZone:
      return "." + name.Text();
    case Kind::kBelow:
      return "*." + name.Text();
    case Kind::kRegex:
      return "~" + regex;
  }
  return {};
}

std::optional<HostPattern> HostPattern::FromText(std::string_view text) {
  if (text.starts_with('~')) {
    return HostPattern{Kind::kRegex, {}, std::string(text.substr(1))};
  }
  const Kind kind = text.starts_with("*.")  ? Kind::kBelow
                    : text.starts_with('.') ? Kind::kZone
                                            : Kind::kName;
  const auto name = Name::FromHost(text.substr(kind == Kind::kBelow ? 2 : kind == Kind::kZone));
  HostPattern pattern{kind, name.value_or(Name()), {}};
  return name && pattern.Text() == text ? std::optional(std::move(pattern)) : std::nullopt;
}

std::string Origin::Text() const {
  if (!file) {
    return {};
  }
  return line == 0 ? *file : *file + ":" + std::to_string(line);
}

std::string Rule::Text() const {
  std::string text = action == Action::kAccept ? "action=accept" : "action=drop";
  if (networks) {
    text = "addresses-file " + networks->path;
  }
  if (host) {
    text += " dsthost=" + host->Text();
  }
  if (destination) {
    text += destination->address.family() == Family::kIpv4 ? " dst4=" : " dst6=";
    text += destination->Text();
  }
  switch (service.protocol) {
    case Protocol::kAny:
      break;
    case Protocol::kTcp:
      text += " proto=tcp";
      break;
    case Protocol::kUdp:
      text += " proto=udp";
      break;
    case Protocol::kIcmp:
      text += " proto=icmp";
      break;
  }
  if (dns_target) {
    text += " specialtarget=dns";
  }
  if (service.ports) {
    text += " dstports=" + std::to_string(service.ports->first) + "-" +
            std::to_string(service.ports->last);
  }
  if (service.icmp_type) {
    text += " icmptype=" + std::to_string(*service.icmp_type);
  }
  return text;
}

bool Rule::Covers(const Address& address) const {
  return (!destination || destination->Contains(address)) &&
         (!networks || networks->Contains(address));
}

bool Rule::RefusesNames() const { return action == Action::kDrop && host && service == Service{}; }

bool Rule::DropsAddresses() const {
  return action == Action::kDrop && host && host->kind == HostPattern::Kind::kName && !dns_target;
}

bool Rule::operator==(const Rule& other) const {
  return action == other.action && host == other.host && destination == other.destination &&
         service == other.service && dns_target == other.dns_target && expire == other.expire &&
         (networks == other.networks ||
          (networks && other.networks && *networks == *other.networks));
}

}  // namespace dnspin
