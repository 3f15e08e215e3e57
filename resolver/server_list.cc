#include "resolver/server_list.h"

#include <algorithm>

namespace dnspin {
namespace {

using std::chrono::milliseconds;

// What is assumed of a server not heard of yet: those that answer at all are preferred to it.
constexpr BootClock::duration kRoundTripUnknown = milliseconds(300);
constexpr BootClock::duration kRoundTripFailing = milliseconds(400);
constexpr BootClock::duration kRoundTripMax = milliseconds(2000);

// A server is asked this often at least, while there are questions: to see whether it is there, or
// how fast it is now. Where all fail, each is thereby asked when a question is sent for the last
// time, 1.2 s after the first: as that is remembered as failed until 3 s after it, a server that is
// back is noticed within 2 s.
constexpr BootClock::duration kSilentEvery = milliseconds(800);
constexpr BootClock::duration kHealthyEvery = milliseconds(10'000);

constexpr std::chrono::seconds kNewsEvery{1};
constexpr size_t kNewsMax = 16;  // servers, at once

template <typename Unit>
uint32_t CountOf(BootClock::duration duration) {
  const auto count = std::chrono::duration_cast<Unit>(duration).count();
  return static_cast<uint32_t>(std::clamp<int64_t>(count, 0, UINT32_MAX));
}

UpstreamReport ReportOf(const Server& server, BootTime now) {
  UpstreamReport report{server.where.endpoint, server.failures > 0, server.new_answers,
                        server.new_failures, std::nullopt};
  if (server.answered) {
    report.last = {CountOf<milliseconds>(now - *server.answered),
                   CountOf<std::chrono::microseconds>(server.measured)};
  }
  return report;
}

BootTime NextAsk(const Server& server, BootTime now) {
  return now + (server.failures > 0 || !server.answered ? kSilentEvery : kHealthyEvery);
}

bool IsBetter(const Server& a, const Server& b) {
  return std::pair(a.failures > 0, a.round_trip) < std::pair(b.failures > 0, b.round_trip);
}

bool Contains(std::span<const uint32_t> serials, uint32_t serial) {
  return std::find(serials.begin(), serials.end(), serial) != serials.end();
}

}  // namespace

void ServerList::Set(std::span<const Upstream> upstreams) {
  std::vector<Server> next;
  for (const Upstream& upstream : upstreams) {
    const auto known = std::find_if(servers_.begin(), servers_.end(),
                                    [&](const Server& server) { return server.where == upstream; });
    if (known != servers_.end()) {
      next.push_back(*known);
      continue;
    }
    Server server;
    server.where = upstream;
    server.serial = ++last_serial_;
    server.round_trip = kRoundTripUnknown;
    next.push_back(std::move(server));
  }
  servers_ = std::move(next);
}

std::optional<uint32_t> ServerList::Choose(std::span<const uint32_t> tried) const {
  const bool again = !HasUntried(tried);
  const Server* best = nullptr;
  for (const Server& server : servers_) {
    if ((again || !Contains(tried, server.serial)) &&
        (best == nullptr || IsBetter(server, *best))) {
      best = &server;
    }
  }
  return best == nullptr ? std::nullopt : std::optional(best->serial);
}

bool ServerList::HasUntried(std::span<const uint32_t> tried) const {
  return std::any_of(servers_.begin(), servers_.end(),
                     [&](const Server& server) { return !Contains(tried, server.serial); });
}

std::optional<uint32_t> ServerList::ChooseToMeasure(BootTime now) {
  for (Server& server : servers_) {
    server.ask_again = server.ask_again.value_or(NextAsk(server, now));
    if (*server.ask_again <= now) {
      return server.serial;
    }
  }
  return std::nullopt;
}

Server* ServerList::Find(uint32_t serial) {
  const auto found = std::find_if(servers_.begin(), servers_.end(),
                                  [&](const Server& server) { return server.serial == serial; });
  return found == servers_.end() ? nullptr : &*found;
}

void ServerList::Asked(uint32_t serial, BootTime now) {
  if (Server* const server = Find(serial)) {
    server->ask_again = NextAsk(*server, now);
  }
}

void ServerList::Answered(uint32_t serial, BootClock::duration round_trip, BootTime now) {
  Server* const server = Find(serial);
  if (server == nullptr) {
    return;
  }
  // What was so long ago, or before it failed, says nothing about now.
  const bool old =
      server->failures > 0 || !server->answered || now - *server->answered >= kHealthyEvery / 2;
  server->round_trip = old ? round_trip : (server->round_trip * 7 + round_trip) / 8;
  server->measured = server->round_trip;
  server->failures = 0;
  server->answered = now;
  ++server->new_answers;
  news_ = true;
  server->ask_again = NextAsk(*server, now);
}

void ServerList::Failed(uint32_t serial, BootTime now) {
  Server* const server = Find(serial);
  if (server == nullptr) {
    return;
  }
  ++server->failures;
  ++server->new_failures;
  news_ = true;
  server->round_trip = std::clamp(server->round_trip * 2, kRoundTripFailing, kRoundTripMax);
  server->ask_again = std::min(server->ask_again.value_or(BootTime::max()), NextAsk(*server, now));
}

std::vector<UpstreamReport> ServerList::TakeNews(BootTime now) {
  std::vector<UpstreamReport> news;
  if (!news_ || now < news_not_before_) {
    return news;
  }
  news_ = false;
  news_not_before_ = now + kNewsEvery;
  for (Server& server : servers_) {
    if (server.new_answers == 0 && server.new_failures == 0) {
      continue;
    }
    if (news.size() == kNewsMax) {
      news_ = true;
      break;
    }
    news.push_back(ReportOf(server, now));
    server.new_answers = 0;
    server.new_failures = 0;
  }
  return news;
}

std::optional<BootTime> ServerList::NewsDue() const {
  return news_ ? std::optional(news_not_before_) : std::nullopt;
}

}  // namespace dnspin
