#pragma once
// Knows: how the upstreams fare, by what readers say, who are not to be trusted: no decision hangs
// on it, and it is no longer than the list of those that they may ask. Touches nothing.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>

#include "pinning/address.h"
#include "pinning/channel_message.h"
#include "pinning/clock.h"
#include "pinning/policy.h"

namespace dnspin {

struct UpstreamHealth {
  BootTime said;         // the last word
  bool failing = false;  // by that
  uint64_t answers = 0;
  uint64_t failures = 0;
  std::optional<BootTime> answered;        // last
  std::chrono::microseconds round_trip{};  // smoothed, as it was then

  // As both have it: the newer word counts.
  UpstreamHealth& operator+=(const UpstreamHealth& other);
};

// Those that were asked.
using HealthByUpstream = std::map<Endpoint, UpstreamHealth>;

// Of a server that is none of `asked` nothing is kept.
void TakeReport(const UpstreamReport& report, std::span<const Upstream> asked,
                HealthByUpstream& health, BootTime now);

}  // namespace dnspin
