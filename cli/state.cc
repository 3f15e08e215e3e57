// What dnspind is doing now, and telling it to do it anew.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/reply.h"
#include "cli/table.h"

namespace dnspin {
namespace {

void AddUpstream(const Json& upstream, std::vector<Row>& rows) {
  const std::string interface = TextIn(upstream, "interface");
  rows.push_back({"upstream", TextIn(upstream, "server") +
                                  (interface.empty() ? " (no route)" : " by " + interface)});
  const std::string state = TextIn(upstream, "state");
  if (state.empty()) {
    return;
  }
  std::string text = state;
  if (state != "unasked") {
    text += fmt::format(", {} answered, {} failed", NumberIn(upstream, "answered"),
                        NumberIn(upstream, "failed"));
  }
  if (In(upstream, "answered_ago_s").is_number()) {
    text += fmt::format(", last {} ago in {} ms", AgeText(NumberIn(upstream, "answered_ago_s")),
                        TextIn(upstream, "rtt_ms"));
  }
  const Colour colour = state == "ok"        ? Colour::kGood
                        : state == "failing" ? Colour::kBad
                                             : Colour::kNone;
  rows.push_back({"", {text, colour}});
}

// A count that should be 0 for ever.
Colour ColourOf(const std::string& counter, const std::string& value) {
  const bool bad = counter == "answers_released_unpinned" && value != "0";
  return bad ? Colour::kBad : Colour::kNone;
}

std::string StatusText(const Json& status, bool colours) {
  std::vector<Row> rows;
  if (!status.is_object()) {
    return {};
  }
  for (const auto& [key, value] : status.items()) {
    if (key == "counters" && value.is_object()) {
      for (const auto& [name, count] : value.items()) {
        if (status.contains(name)) {
          continue;  // it is said above
        }
        rows.push_back({name, {Text(count), ColourOf(name, Text(count))}});
      }
    } else if (key == "upstreams" && value.is_array()) {
      for (const Json& upstream : value) {
        AddUpstream(upstream, rows);
      }
    } else if (key == "learning" && value.is_array()) {
      for (const Json& client : value) {
        rows.push_back({"learning",
                        {fmt::format("{} for {} more", TextIn(client, "client"),
                                     AgeText(NumberIn(client, "left_s"))),
                         Colour::kNote}});
      }
    } else {
      rows.push_back({key, Text(value)});
    }
  }
  return TableText(rows, colours);
}

}  // namespace

Shown RunStatus(const Call& call) {
  const auto reply = call.Ask(call.RequestOf("status"));
  if (!reply.ok()) {
    return reply.status();
  }
  return call.json ? JsonText(*reply) : StatusText(*reply, call.colours);
}

Shown RunClients(const Call& call) {
  const auto reply = call.Ask(call.RequestOf("clients"));
  if (!reply.ok()) {
    return reply.status();
  }
  return call.json ? JsonText(*reply)
                   : Listing(*reply,
                             {"client", "addresses", "interface", "rules", "pins", "questions",
                              "refused", "resolver_pid"},
                             call.colours);
}

Shown RunPins(const Call& call) {
  const auto reply = call.Ask(call.RequestOf("pins"));
  if (!reply.ok()) {
    return reply.status();
  }
  return call.json
             ? JsonText(*reply)
             : Listing(*reply,
                       {"client", "address", "name", "rule", "protocol", "ports", "expires_in_s"},
                       call.colours);
}

Shown RunMetrics(const Call& call) {
  const auto reply = call.Ask(call.RequestOf("metrics"));
  if (!reply.ok()) {
    return reply.status();
  }
  if (call.json) {
    const Json& totals = In(*reply, "totals");
    return JsonText(totals.is_null() ? Json::object() : totals);
  }
  std::string text = TextIn(*reply, "text");
  std::erase_if(text, [](char c) { return (c < ' ' && c != '\n') || c == '\x7f'; });
  return text;
}

Shown RunReload(const Call& call) {
  const auto reply = call.Ask(call.RequestOf("reload"));
  if (!reply.ok()) {
    return reply.status();
  }
  return call.json ? JsonText(*reply) : "reloaded\n";
}

Shown RunFlush(const Call& call) {
  const auto reply = call.Ask(call.RequestOf("flush"));
  if (!reply.ok()) {
    return reply.status();
  }
  return call.json ? JsonText(*reply)
                   : fmt::format("{} pins gone, and the flows that began by them\n",
                                 NumberIn(*reply, "pins"));
}

}  // namespace dnspin
