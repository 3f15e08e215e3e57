#include "cli/watch_feed.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "cli/reply.h"

namespace dnspin {
namespace {

constexpr std::chrono::seconds kLimit{2};  // so that a key is soon heard
constexpr size_t kEventsMax = 512;

WatchEvent ReadEvent(const Json& entry, int64_t unix_now) {
  return {TextIn(entry, "client"),
          TextIn(entry, "kind"),
          TextIn(entry, "name"),
          TextIn(entry, "type"),
          TextIn(entry, "addresses"),
          TextIn(entry, "rule"),
          unix_now - NumberIn(entry, "ago_s"),
          entry};
}

// "7.9"; of many, no tenth.
std::string RateText(const Json& rate) {
  const double value = rate.is_number() ? rate.get<double>() : 0;
  return fmt::format("{:.{}f}", value, value < 10 ? 1 : 0);
}

}  // namespace

WatchFeed::WatchFeed(std::string run_dir, std::string client) : run_dir_(std::move(run_dir)) {
  state_.client = std::move(client);
}

Json WatchFeed::Request(const char* command) const {
  Json request = {{"command", command}};
  if (!state_.client.empty()) {
    request["client"] = state_.client;
  }
  return request;
}

absl::StatusOr<std::vector<WatchEvent>> WatchFeed::Poll(int64_t unix_now) {
  Json request = Request("events");
  if (!after_.is_null()) {
    request["after"] = after_;
  }
  const auto reply = AskDaemon(run_dir_, request, kLimit);
  if (!reply.ok()) {
    return reply.status();
  }
  return Take(*reply, unix_now);
}

std::vector<WatchEvent> WatchFeed::Take(const Json& reply, int64_t unix_now) {
  state_.trouble.clear();
  state_.lost += after_.is_null() ? 0 : NumberIn(reply, "lost");
  after_ = In(reply, "next");
  const Json& rates = In(reply, "rates");
  state_.questions = RateText(In(rates, "questions"));
  state_.refused = RateText(In(rates, "refused"));
  state_.upstream = RateText(In(rates, "upstream"));
  std::vector<WatchEvent> fresh;
  for (const Json& entry : ListIn(reply, "events")) {
    fresh.push_back(ReadEvent(entry, unix_now));
  }
  state_.events.insert(state_.events.end(), fresh.begin(), fresh.end());
  while (state_.events.size() > kEventsMax) {
    state_.events.pop_front();
  }
  return fresh;
}

absl::Status WatchFeed::PollPins() {
  const auto reply = AskDaemon(run_dir_, Request("pins"), kLimit);
  if (!reply.ok()) {
    return reply.status();
  }
  state_.pins.clear();
  for (const Json& pin : *reply) {
    state_.pins.push_back({TextIn(pin, "client"), TextIn(pin, "address"), TextIn(pin, "name"),
                           TextIn(pin, "protocol") + " " + TextIn(pin, "ports"),
                           NumberIn(pin, "expires_in_s")});
  }
  std::ranges::stable_sort(state_.pins, std::ranges::greater{}, &WatchPin::left_s);
  return absl::OkStatus();
}

}  // namespace dnspin
