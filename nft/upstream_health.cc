#include "nft/upstream_health.h"

#include <algorithm>

namespace dnspin {

UpstreamHealth& UpstreamHealth::operator+=(const UpstreamHealth& other) {
  if (other.said >= said) {
    said = other.said;
    failing = other.failing;
  }
  if (other.answered && (!answered || *other.answered > *answered)) {
    answered = other.answered;
    round_trip = other.round_trip;
  }
  answers += other.answers;
  failures += other.failures;
  return *this;
}

void TakeReport(const UpstreamReport& report, std::span<const Upstream> asked,
                HealthByUpstream& health, BootTime now) {
  const auto is_asked = [&](const Endpoint& server) {
    return std::any_of(asked.begin(), asked.end(),
                       [&](const Upstream& upstream) { return upstream.endpoint == server; });
  };
  std::erase_if(health, [&](const auto& entry) { return !is_asked(entry.first); });
  if (!is_asked(report.server)) {
    return;  // not any more, perhaps: its reader may not know yet
  }
  UpstreamHealth news{now, report.failing, report.answers, report.failures, std::nullopt, {}};
  if (report.last) {
    news.answered = now - std::chrono::milliseconds(report.last->ago_ms);
    news.round_trip = std::chrono::microseconds(report.last->round_trip_us);
  }
  const auto [entry, first] = health.try_emplace(report.server, news);
  if (!first) {
    entry->second += news;
  }
}

}  // namespace dnspin
