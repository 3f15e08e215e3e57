#include "cli/service_word.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cli/table.h"

namespace dnspin {
namespace {

std::optional<uint16_t> ReadPort(std::string_view text) {
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, port);
  return !text.empty() && error == std::errc() && rest == end ? std::optional(port) : std::nullopt;
}

std::optional<Protocol> ReadProtocol(std::string_view text) {
  return text == "tcp"    ? std::optional(Protocol::kTcp)
         : text == "udp"  ? std::optional(Protocol::kUdp)
         : text == "icmp" ? std::optional(Protocol::kIcmp)
                          : std::nullopt;
}

}  // namespace

std::string ServiceWord(const Service& service) {
  const char* const protocol = service.protocol == Protocol::kTcp    ? "tcp"
                               : service.protocol == Protocol::kUdp  ? "udp"
                               : service.protocol == Protocol::kIcmp ? "icmp"
                                                                     : "any";
  if (!service.ports) {
    return protocol;
  }
  return service.ports->first == service.ports->last
             ? fmt::format("{}/{}", protocol, service.ports->first)
             : fmt::format("{}/{}-{}", protocol, service.ports->first, service.ports->last);
}

std::optional<Service> ReadServiceWord(std::string_view word) {
  const size_t slash = word.find('/');
  const auto protocol = ReadProtocol(word.substr(0, slash));
  if (!protocol) {
    return std::nullopt;
  }
  Service service{*protocol, {}, {}};
  if (slash == std::string_view::npos) {
    return service;
  }
  const std::string_view ports = word.substr(slash + 1);
  const size_t dash = ports.find('-');
  const auto first = ReadPort(ports.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : ReadPort(ports.substr(dash + 1));
  if (!first || !last || *first > *last || *protocol == Protocol::kIcmp) {
    return std::nullopt;
  }
  service.ports = PortRange{*first, *last};
  return service;
}

absl::StatusOr<std::vector<Service>> ReadServices(std::string_view list) {
  std::vector<Service> services;
  size_t from = 0;
  while (from <= list.size()) {
    const size_t comma = std::min(list.find(',', from), list.size());
    const std::string_view word = list.substr(from, comma - from);
    const auto service = ReadServiceWord(word);
    if (!service || !service->ports) {
      return absl::InvalidArgumentError(
          fmt::format("ports are like tcp/80,udp/60000-61000, not '{}'", Harmless(word)));
    }
    services.push_back(*service);
    from = comma + 1;
  }
  return services;
}

}  // namespace dnspin
