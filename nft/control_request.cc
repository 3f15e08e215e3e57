#include "nft/control_request.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "nft/learning.h"

namespace dnspin {
namespace {

using Json = nlohmann::json;

std::optional<uint16_t> PortOf(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port != 0 ? std::optional(port)
                                                                               : std::nullopt;
}

std::optional<Service> ServiceOf(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string_view protocol = text.substr(0, slash);
  if (slash == std::string_view::npos || (protocol != "tcp" && protocol != "udp")) {
    return std::nullopt;
  }
  const std::string_view ports = text.substr(slash + 1);
  const size_t dash = ports.find('-');
  const auto first = PortOf(ports.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : PortOf(ports.substr(dash + 1));
  if (!first || !last || *last < *first) {
    return std::nullopt;
  }
  return Service{protocol == "tcp" ? Protocol::kTcp : Protocol::kUdp, PortRange{*first, *last}, {}};
}

absl::Status ReadText(const Json& request, const char* key, std::string& value) {
  const auto found = request.find(key);
  if (found == request.end()) {
    return absl::OkStatus();
  }
  if (!found->is_string()) {
    return absl::InvalidArgumentError(fmt::format("{} is a text", key));
  }
  value = found->get<std::string>();
  return absl::OkStatus();
}

absl::Status ReadNumber(const Json& request, const char* key, int64_t most, int64_t& value) {
  const auto found = request.find(key);
  if (found == request.end()) {
    return absl::OkStatus();
  }
  const auto* const number = found->get_ptr<const Json::number_unsigned_t*>();
  if (number == nullptr || *number > static_cast<uint64_t>(most)) {
    return absl::InvalidArgumentError(fmt::format("{} is a number, at most {}", key, most));
  }
  value = static_cast<int64_t>(*number);
  return absl::OkStatus();
}

absl::Status ReadServices(const Json& request, std::vector<Service>& services) {
  static const Json kUsual = {"tcp/80", "tcp/443", "udp/443"};
  const Json list = request.value("ports", kUsual);
  if (!list.is_array() || list.empty() || list.size() > Learning::kServicesMax) {
    return absl::InvalidArgumentError("ports is a list");
  }
  for (const Json& entry : list) {
    const auto service =
        entry.is_string() ? ServiceOf(entry.get_ref<const std::string&>()) : std::nullopt;
    if (!service) {
      return absl::InvalidArgumentError("a port is like tcp/443 or udp/5000-5010");
    }
    services.push_back(*service);
  }
  return absl::OkStatus();
}

}  // namespace

std::string ServiceText(const Service& service) {
  const PortRange ports = service.ports.value_or(PortRange());
  const std::string_view protocol = service.protocol == Protocol::kTcp ? "tcp" : "udp";
  return ports.first == ports.last ? fmt::format("{}/{}", protocol, ports.first)
                                   : fmt::format("{}/{}-{}", protocol, ports.first, ports.last);
}

absl::StatusOr<ControlRequest> ReadControlRequest(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    return absl::InvalidArgumentError("a request is one line of JSON");
  }
  if (!json.is_object() || !json.contains("command") || !json["command"].is_string()) {
    return absl::InvalidArgumentError("a request is an object with a command");
  }
  ControlRequest request;
  int64_t after = 0;
  int64_t seconds = 0;
  absl::Status status = ReadText(json, "command", request.command);
  status.Update(ReadText(json, "client", request.client));
  status.Update(ReadText(json, "address", request.address));
  status.Update(ReadText(json, "name", request.name));
  status.Update(ReadNumber(json, "after", INT64_MAX, after));
  status.Update(ReadNumber(json, "seconds", Learning::kLongest.count(), seconds));
  status.Update(ReadServices(json, request.services));
  if (!status.ok()) {
    return status;
  }
  request.after = BootTime(BootClock::duration(after));
  request.seconds = std::chrono::seconds(seconds);
  return request;
}

}  // namespace dnspin
