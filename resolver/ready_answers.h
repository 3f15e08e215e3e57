#pragma once
// Knows: answers as octets, by the octets that asked for them. Whoever sends the same octets again,
// but for their ID, is told the same with lower TTLs, and nothing is looked at anew: who puts an
// answer in says until when that is right, and clears them when it is not any more. Bounded; what
// was not asked for a while goes. Touches nothing.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "pinning/clock.h"
#include "resolver/octet_store.h"

namespace dnspin {

class ReadyAnswers {
 public:
  static constexpr size_t kOctetsMax = 384 << 10;  // of the heap

  // `answer` is a whole message of ours that was told at `now`. One without TTLs is not kept.
  void Insert(std::span<const uint8_t> question, std::string_view answer, BootTime now,
              BootTime until);

  std::optional<std::string> Find(std::span<const uint8_t> question, BootTime now);
  void Clear() { store_.Clear(); }

 private:
  OctetStore store_{kOctetsMax};  // by the question behind its ID
};

}  // namespace dnspin
