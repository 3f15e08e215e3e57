#include "nft/control_reply.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "nft/control_client.h"
#include "nft/control_request.h"
#include "nft/metrics.h"

namespace dnspin {
namespace {

using control::Json;

constexpr size_t kEventsMax = 512;  // of one reply

// By its name, or by an address, for who knows no more of it.
bool IsCalled(const ServedClient& client, const std::string& word) {
  const auto& addresses = client.desired.addresses;
  return client.desired.name == word ||
         std::any_of(addresses.begin(), addresses.end(),
                     [&](const Address& address) { return address.Text() == word; });
}

// The clients that a request is about: the one it names, or all.
absl::StatusOr<std::vector<const ServedClient*>> Wanted(const ControlView& view,
                                                        const ControlRequest& request) {
  std::vector<const ServedClient*> wanted;
  for (const auto& [id, client] : view.clients) {
    if (request.client.empty() || IsCalled(client, request.client)) {
      wanted.push_back(&client);
    }
  }
  if (wanted.empty() && !request.client.empty()) {
    return absl::NotFoundError("no client is called " + Escaped(request.client));
  }
  return wanted;
}

absl::StatusOr<const ServedClient*> TheClient(const ControlView& view,
                                              const ControlRequest& request) {
  if (request.client.empty()) {
    return absl::InvalidArgumentError("of which client");
  }
  const auto wanted = Wanted(view, request);
  return wanted.ok() ? absl::StatusOr<const ServedClient*>(wanted->front()) : wanted.status();
}

// One list of what `each` says of every client that is wanted.
template <typename Each>
absl::StatusOr<Json> ListOf(const ControlView& view, const ControlRequest& request, Each each) {
  const auto wanted = Wanted(view, request);
  if (!wanted.ok()) {
    return wanted.status();
  }
  Json list = Json::array();
  for (const ServedClient* client : *wanted) {
    for (auto& entry : each(*client)) {
      list.push_back(std::move(entry));
    }
  }
  return list;
}

absl::StatusOr<Json> Pins(const ControlView& view, const ControlRequest& request) {
  return ListOf(view, request,
                [&](const ServedClient& client) { return control::PinsOf(client, view.now); });
}

absl::StatusOr<Json> Blocked(const ControlView& view, const ControlRequest& request) {
  return ListOf(view, request,
                [&](const ServedClient& client) { return control::BlockedOf(client, view.now); });
}

absl::StatusOr<Json> Why(const ControlView& view, const ControlRequest& request) {
  const auto client = TheClient(view, request);
  const auto address = Address::Parse(request.address);
  if (!client.ok() || !address) {
    return client.ok() ? absl::InvalidArgumentError("no address: " + Escaped(request.address))
                       : client.status();
  }
  return control::WhyOf(**client, *address, view.find_flows, view.now);
}

absl::StatusOr<Json> Explain(const ControlView& view, const ControlRequest& request) {
  const auto client = TheClient(view, request);
  const auto name = Name::FromHost(request.name);
  if (!client.ok() || !name) {
    return client.ok() ? absl::InvalidArgumentError("no name: " + Escaped(request.name))
                       : client.status();
  }
  return control::ExplanationOf(**client, *name);
}

absl::StatusOr<Json> Record(const ControlView& view, const ControlRequest& request) {
  const auto client = TheClient(view, request);
  return client.ok() ? absl::StatusOr<Json>(control::RecordOf(**client, view.now))
                     : client.status();
}

absl::StatusOr<Json> Events(const ControlView& view, const ControlRequest& request) {
  const auto wanted = Wanted(view, request);
  if (!wanted.ok()) {
    return wanted.status();
  }
  std::vector<Json> events;
  for (const ServedClient* client : *wanted) {
    auto some = control::EventsOf(*client, request.after, view.now);
    std::move(some.begin(), some.end(), std::back_inserter(events));
  }
  std::sort(events.begin(), events.end(),
            [](const Json& a, const Json& b) { return a["at"] < b["at"]; });
  const size_t left_out = events.size() - std::min(events.size(), kEventsMax);
  events.erase(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(left_out));
  return Json{{"next", view.now.time_since_epoch().count()},
              {"lost", left_out},
              {"events", std::move(events)},
              {"rates",
               {{"questions", view.rate(&CountersReport::questions)},
                {"refused", view.rate(&CountersReport::refused)},
                {"upstream", view.rate(&CountersReport::upstream_questions)}}}};
}

Json LessonOf(const std::string& client, const Learning::Lesson& lesson, BootTime now) {
  Json ports = Json::array();
  for (const Service& service : lesson.services) {
    ports.push_back(ServiceText(service));
  }
  return {{"client", client},
          {"left_s", std::chrono::duration_cast<std::chrono::seconds>(lesson.until - now).count()},
          {"ports", std::move(ports)}};
}

absl::StatusOr<Json> Learn(const ControlView& view, const ControlRequest& request) {
  const auto client = TheClient(view, request);
  if (!client.ok()) {
    return client.status();
  }
  const std::string name = (*client)->desired.name;  // which may not outlive the change
  const Learning::Lesson lesson{view.now + request.seconds, request.services, (*client)->id};
  if (auto status = view.learn(name, lesson); !status.ok()) {
    return status;
  }
  return LessonOf(name, lesson, view.now);
}

absl::StatusOr<Json> Flush(const ControlView& view, const ControlRequest& request) {
  const auto client = TheClient(view, request);
  if (!client.ok()) {
    return client.status();
  }
  const auto pins = view.flush((*client)->id);
  return pins.ok() ? absl::StatusOr<Json>(Json{{"pins", *pins}}) : pins.status();
}

absl::StatusOr<Json> Clients(const ControlView& view, const ControlRequest& /*request*/) {
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

Json Counters(const ControlView& view) {
  Json counters = Json::object();
  for (const Metric& metric : TotalsOf(view)) {
    counters[metric.name] = metric.value;
  }
  return counters;
}

Json UpstreamJson(const Upstream& upstream, const std::optional<UpstreamHealth>& health,
                  BootTime now) {
  const UpstreamHealth known = health.value_or(UpstreamHealth());
  Json answered_ago_s;
  Json rtt_ms;
  if (known.answered) {
    answered_ago_s =
        std::chrono::duration_cast<std::chrono::seconds>(now - *known.answered).count();
    rtt_ms = static_cast<double>(known.round_trip.count() / 100) / 10;
  }
  return {{"server", upstream.endpoint.Text()},
          {"interface", upstream.interface},
          {"state", !health         ? "unasked"
                    : known.failing ? "failing"
                                    : "ok"},
          {"answered", known.answers},
          {"failed", known.failures},
          {"answered_ago_s", answered_ago_s},
          {"rtt_ms", rtt_ms}};
}

absl::StatusOr<Json> Status(const ControlView& view, const ControlRequest& /*request*/) {
  Json upstreams = Json::array();
  for (const Upstream& upstream : view.upstreams) {
    upstreams.push_back(
        UpstreamJson(upstream, HealthOf(view.clients, upstream.endpoint), view.now));
  }
  size_t pins = 0;
  for (const auto& [id, client] : view.clients) {
    pins += client.ledger.pins().size();
  }
  Json learning = Json::array();
  for (const auto& [client, lesson] : view.lessons) {
    learning.push_back(LessonOf(client, lesson, view.now));
  }
  return Json{{"version", DNSPIN_VERSION},
              {"mode", view.mode},
              {"uptime_s", view.uptime.count()},
              {"upstreams", upstreams},
              {"clients", view.clients.size()},
              {"pins", pins},
              {"refresh", view.refresh_way},
              {"learning", learning},
              {"log_reader_pid", view.log_reader_pid ? Json(*view.log_reader_pid) : Json()},
              {"counters", Counters(view)}};
}

absl::StatusOr<Json> Metrics(const ControlView& view, const ControlRequest& /*request*/) {
  return Json{{"text", PrometheusText(view)}, {"totals", Counters(view)}};
}

absl::StatusOr<Json> Reload(const ControlView& view, const ControlRequest& /*request*/) {
  const absl::Status status = view.reload();
  return status.ok() ? absl::StatusOr<Json>(Json{{"ok", true}}) : status;
}

struct Command {
  std::string_view name;
  absl::StatusOr<Json> (*reply)(const ControlView&, const ControlRequest&);
};

constexpr std::array kCommands = {
    Command{"status", Status},   Command{"clients", Clients}, Command{"pins", Pins},
    Command{"why", Why},         Command{"explain", Explain}, Command{"events", Events},
    Command{"blocked", Blocked}, Command{"learn", Learn},     Command{"record", Record},
    Command{"flush", Flush},     Command{"metrics", Metrics}, Command{"reload", Reload},
};

absl::StatusOr<Json> ReplyTo(const std::string& text, const ControlView& view) {
  const auto request = ReadControlRequest(text);
  if (!request.ok()) {
    return request.status();
  }
  const auto command = std::find_if(kCommands.begin(), kCommands.end(),
                                    [&](const Command& c) { return c.name == request->command; });
  return command == kCommands.end()
             ? absl::InvalidArgumentError("unknown command " + Escaped(request->command))
             : command->reply(view, *request);
}

}  // namespace

std::string ReplyToControl(const std::string& request, const ControlView& view) {
  const auto said = ReplyTo(request, view);
  const Json reply = said.ok() ? *said : Json{{"error", std::string(said.status().message())}};
  return reply.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace dnspin
