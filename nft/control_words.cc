#include "nft/control_words.h"

#include <fmt/format.h>

#include <string_view>

#include "pinning/answer.h"

namespace dnspin::control {
namespace {

std::string_view TypeText(uint16_t type) {
  switch (type) {
    case dns::kA:
      return "A";
    case dns::kAaaa:
      return "AAAA";
    case dns::kHttps:
      return "HTTPS";
    case dns::kMx:
      return "MX";
    case dns::kSrv:
      return "SRV";
    case dns::kTxt:
      return "TXT";
    case dns::kPtr:
      return "PTR";
    default:
      return "";
  }
}

}  // namespace

std::string TypeName(uint16_t type) {
  const std::string_view known = TypeText(type);
  return known.empty() ? fmt::format("TYPE{}", type) : std::string(known);
}

std::string ProtocolText(const Service& service) {
  switch (service.protocol) {
    case Protocol::kAny:
      return "any";
    case Protocol::kTcp:
      return "tcp";
    case Protocol::kUdp:
      return "udp";
    case Protocol::kIcmp:
      return "icmp";
  }
  return {};
}

std::string PortsText(const Service& service) {
  if (!service.ports) {
    return "any";
  }
  return service.ports->first == service.ports->last
             ? fmt::format("{}", service.ports->first)
             : fmt::format("{}-{}", service.ports->first, service.ports->last);
}

int64_t Seconds(BootClock::duration time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time).count();
}

}  // namespace dnspin::control
