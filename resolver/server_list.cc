#include "resolver/server_list.h"

#include <algorithm>

namespace dnspin {
namespace {

using std::chrono::milliseconds;

// What is assumed of a server not heard of yet: those that answer at all are preferred to it, and
// it to those that fail.
constexpr BootClock::duration kRoundTripUnknown = milliseconds(300);
constexpr BootClock::duration kRoundTripFailing = milliseconds(400);
constexpr BootClock::duration kRoundTripMax = milliseconds(2000);
constexpr BootClock::duration kTryAgainAfter = milliseconds(1000);

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
        (best == nullptr || server.round_trip < best->round_trip)) {
      best = &server;
    }
  }
  return best == nullptr ? std::nullopt : std::optional(best->serial);
}

bool ServerList::HasUntried(std::span<const uint32_t> tried) const {
  return std::any_of(servers_.begin(), servers_.end(),
                     [&](const Server& server) { return !Contains(tried, server.serial); });
}

std::optional<uint32_t> ServerList::ChooseFailing(BootTime now) {
  for (Server& server : servers_) {
    if (server.failures > 0 && server.try_again <= now) {
      server.try_again = now + kTryAgainAfter;
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

void ServerList::Answered(uint32_t serial, BootClock::duration round_trip) {
  Server* const server = Find(serial);
  if (server == nullptr) {
    return;
  }
  const bool fresh = server->failures > 0 || server->round_trip == kRoundTripUnknown;
  server->round_trip = fresh ? round_trip : (server->round_trip * 7 + round_trip) / 8;
  server->failures = 0;
}

void ServerList::Failed(uint32_t serial, BootTime now) {
  Server* const server = Find(serial);
  if (server == nullptr) {
    return;
  }
  ++server->failures;
  server->round_trip = std::clamp(server->round_trip * 2, kRoundTripFailing, kRoundTripMax);
  server->try_again = now + kTryAgainAfter;
}

}  // namespace dnspin
