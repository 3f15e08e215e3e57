#pragma once
// Knows: how what a client sent ends, and which counter that is. Whatever is received ends once:
// received = answered + refused + failed + dropped + what still waits. Touches nothing.

#include <cstdint>

#include "pinning/channel_message.h"
#include "resolver/wire.h"

namespace dnspin {

// By what the client is told; a reply that cannot be sent is dropped.
enum class Ending : uint8_t { kAnswered, kRefused, kFailed, kDropped };

constexpr Ending EndingOf(uint16_t rcode) {
  return rcode == dns::kNoError || rcode == dns::kNxDomain ? Ending::kAnswered
         : rcode == dns::kRefused                          ? Ending::kRefused
                                                           : Ending::kFailed;
}

constexpr void Count(Ending ending, CountersReport& counters) {
  switch (ending) {
    case Ending::kAnswered:
      ++counters.answered;
      break;
    case Ending::kRefused:
      ++counters.refused;
      break;
    case Ending::kFailed:
      ++counters.failed;
      break;
    case Ending::kDropped:
      ++counters.dropped;
      break;
  }
}

}  // namespace dnspin
