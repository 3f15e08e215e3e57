#pragma once
// Knows: the upstream servers of one client, and how well each has answered lately. Touches
// nothing.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "pinning/channel_message.h"
#include "pinning/clock.h"
#include "pinning/policy.h"

namespace dnspin {

struct Server {
  Upstream where;
  uint32_t serial = 0;  // names it as long as it is listed
  BootClock::duration round_trip{};
  unsigned failures = 0;              // in a row
  std::optional<BootTime> answered;   // last
  BootClock::duration measured{};     // the round trip, as answers alone have it
  std::optional<BootTime> ask_again;  // then it is asked, whether it is needed or not
  bool keeps_case = true;             // copies the spelling of a question: 0x20 works
  uint32_t new_answers = 0;           // that were not told yet
  uint32_t new_failures = 0;
};

class ServerList {
 public:
  // Servers that stay keep what is known of them.
  void Set(std::span<const Upstream> upstreams);

  // The one that promises the soonest answer, of those not in `tried` if there are any; one that
  // fails only where all do.
  std::optional<uint32_t> Choose(std::span<const uint32_t> tried) const;
  bool HasUntried(std::span<const uint32_t> tried) const;

  // One of which nothing has been heard for a while: it may be back, or faster than it was.
  std::optional<uint32_t> ChooseToMeasure(BootTime now);

  Server* Find(uint32_t serial);  // nothing once it is not listed any more
  void Asked(uint32_t serial, BootTime now);
  void Answered(uint32_t serial, BootClock::duration round_trip, BootTime now);
  void Failed(uint32_t serial, BootTime now);

  // How those fare of which there is something new; nothing before NewsDue(). What does not fit
  // into one call comes with the next.
  std::vector<UpstreamReport> TakeNews(BootTime now);
  std::optional<BootTime> NewsDue() const;

 private:
  std::vector<Server> servers_;
  bool news_ = false;
  BootTime news_not_before_;
  uint32_t last_serial_ = 0;
};

}  // namespace dnspin
