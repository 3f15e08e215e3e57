// What was blocked, and teaching dnspind what a client needs.
#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "cli/commands.h"
#include "cli/reply.h"
#include "cli/service_word.h"
#include "cli/table.h"

namespace dnspin {
namespace {

constexpr int64_t kUsualSeconds = 600;
constexpr int64_t kSecondsMax = 3600;

// "30s", "10m", "1h", "off"; nothing for what is none or too long.
std::optional<int64_t> SecondsOf(std::string_view text) {
  if (text == "off") {
    return 0;
  }
  int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  const std::string_view unit(rest, static_cast<size_t>(end - rest));
  const int64_t factor = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (error != std::errc() || factor == 0 || count < 1 || count > kSecondsMax / factor) {
    return std::nullopt;
  }
  return count * factor;
}

absl::StatusOr<Json> LearnRequest(const Call& call) {
  Json request = call.RequestOf("learn");
  const auto seconds =
      call.arguments.size() < 2 ? std::optional(kUsualSeconds) : SecondsOf(call.Argument(1));
  if (!seconds) {
    return absl::InvalidArgumentError(fmt::format(
        "a time to learn is like 30s or 10m, at most 60m, or off, not '{}'", call.Argument(1)));
  }
  request["seconds"] = *seconds;
  if (const std::string* ports = call.Option("--ports")) {
    const auto services = ReadServices(*ports);
    if (!services.ok()) {
      return services.status();
    }
    request["ports"] = Json::array();
    for (const Service& service : *services) {
      request["ports"].push_back(ServiceWord(service));
    }
  }
  return request;
}

std::string LearnText(const Json& reply) {
  const std::string client = Harmless(TextIn(reply, "client"));
  const int64_t left = NumberIn(reply, "left_s");
  if (left == 0) {
    return fmt::format("{}: its rules alone are in force\n", client);
  }
  return fmt::format(
      "{0} learns for {1} s: what it asks for is open on {2}, and noted.\n"
      "Then: dnspin suggest {0}\n",
      client, left, Harmless(TextIn(reply, "ports")));
}

}  // namespace

Shown RunBlocked(const Call& call) {
  const auto reply = call.Ask(call.RequestOf("blocked"));
  if (!reply.ok()) {
    return reply.status();
  }
  if (call.json) {
    return JsonText(*reply);
  }
  std::vector<Row> rows;
  for (const Json& entry : *reply) {
    Row& row = rows.emplace_back();
    for (const char* const key : {"client", "name", "address", "protocol", "port", "count"}) {
      const std::string text = TextIn(entry, key);
      row.emplace_back(text.empty() || text == "0" ? "-" : text);
    }
    row.emplace_back(AgeText(NumberIn(entry, "first_ago_s")) + " ago");
    row.emplace_back(AgeText(NumberIn(entry, "last_ago_s")) + " ago");
    const std::string rule = TextIn(In(entry, "rule"), "origin");
    row.emplace_back(TextIn(entry, "why") + (rule.empty() ? "" : " (" + rule + ")"), Colour::kBad);
  }
  return TableText(
      {"CLIENT", "NAME", "ADDRESS", "PROTOCOL", "PORT", "COUNT", "FIRST", "LAST", "WHY"},
      std::move(rows), call.colours);
}

Shown RunLearn(const Call& call) {
  const auto request = LearnRequest(call);
  if (!request.ok()) {
    return request.status();
  }
  const auto reply = call.Ask(*request);
  if (!reply.ok()) {
    return reply.status();
  }
  return call.json ? JsonText(*reply) : LearnText(*reply);
}

}  // namespace dnspin
