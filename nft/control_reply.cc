#include "nft/control_reply.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "nft/metrics.h"

namespace dnspin {
namespace {

using Json = nlohmann::ordered_json;

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

Json PinsOf(const ServedClient& client, BootTime now) {
  Json list = Json::array();
  for (const auto& [key, pin] : client.ledger.pins()) {
    if (pin.until() <= now) {
      continue;
    }
    const auto group =
        std::find_if(client.groups.begin(), client.groups.end(),
                     [number = key.group](const PinGroup& g) { return g.number == number; });
    const PinHolder& holder = pin.holders.front();
    const Service service = group == client.groups.end() ? Service{} : group->service;
    list.push_back({{"client", client.desired.name},
                    {"address", key.address.Text()},
                    {"name", holder.asked.Text()},
                    {"rule", holder.rule_host},
                    {"protocol", ProtocolText(service)},
                    {"ports", PortsText(service)},
                    {"expires_in_s",
                     std::chrono::duration_cast<std::chrono::seconds>(pin.until() - now).count()}});
  }
  return list;
}

Json Pins(const ControlView& view, const std::string& wanted) {
  Json list = Json::array();
  bool known = wanted.empty();
  for (const auto& [id, client] : view.clients) {
    if (wanted.empty() || client.desired.name == wanted) {
      known = true;
      for (auto& pin : PinsOf(client, view.now)) {
        list.push_back(std::move(pin));
      }
    }
  }
  if (!known) {
    return {{"error", "no client is called " + Escaped(wanted)}};
  }
  return list;
}

Json Clients(const ControlView& view) {
  Json list = Json::array();
  for (const auto& [id, client] : view.clients) {
    Json addresses = Json::array();
    for (const Address& address : client.desired.addresses) {
      addresses.push_back(address.Text());
    }
    const CountersReport totals = client.Totals();
    const auto pid = view.reader_pids.find(client.reader);
    list.push_back({{"client", client.desired.name},
                    {"addresses", addresses},
                    {"interface", client.interface},
                    {"rules", client.policy.rules.size()},
                    {"pins", client.ledger.pins().size()},
                    {"questions", totals.questions},
                    {"refused", totals.refused},
                    {"resolver_pid", pid == view.reader_pids.end() ? 0 : pid->second}});
  }
  return list;
}

Json Status(const ControlView& view) {
  Json upstreams = Json::array();
  for (const Upstream& upstream : view.upstreams) {
    upstreams.push_back({{"server", upstream.endpoint.Text()}, {"interface", upstream.interface}});
  }
  size_t pins = 0;
  for (const auto& [id, client] : view.clients) {
    pins += client.ledger.pins().size();
  }
  Json counters = Json::object();
  for (const Metric& metric : TotalsOf(view)) {
    counters[metric.name] = metric.value;
  }
  return {{"version", DNSPIN_VERSION},       {"mode", "answer"},
          {"uptime_s", view.uptime.count()}, {"upstreams", upstreams},
          {"clients", view.clients.size()},  {"pins", pins},
          {"refresh", view.refresh_way},     {"counters", counters}};
}

Json Reload(const ControlView& view) {
  const absl::Status status = view.reload();
  if (!status.ok()) {
    return {{"error", std::string(status.message())}};
  }
  return {{"ok", true}};
}

Json ReplyTo(const Json& request, const ControlView& view) {
  if (!request.is_object() || !request.contains("command") || !request["command"].is_string()) {
    return {{"error", "a request is an object with a command"}};
  }
  const std::string command = request["command"].get<std::string>();
  std::string client;
  if (request.contains("client")) {
    if (!request["client"].is_string()) {
      return {{"error", "client is a name"}};
    }
    client = request["client"].get<std::string>();
  }
  if (command == "status") {
    return Status(view);
  }
  if (command == "clients") {
    return Clients(view);
  }
  if (command == "pins") {
    return Pins(view, client);
  }
  if (command == "metrics") {
    return {{"text", PrometheusText(view)}, {"totals", Status(view)["counters"]}};
  }
  if (command == "reload") {
    return Reload(view);
  }
  return {{"error", "unknown command " + Escaped(command)}};
}

}  // namespace

std::string ReplyToControl(const std::string& request, const ControlView& view) {
  const Json parsed = Json::parse(request, nullptr, /*allow_exceptions=*/false);
  const Json reply = parsed.is_discarded() ? Json{{"error", "a request is one line of JSON"}}
                                           : ReplyTo(parsed, view);
  return reply.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace dnspin
