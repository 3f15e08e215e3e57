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
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "pinning/clock.h"

namespace dnspin {

class ReadyAnswers {
 public:
  static constexpr size_t kOctetsMax = 512 << 10;  // and so many again that are on their way out

  // `answer` is a whole message of ours that was told at `now`. One without TTLs is not kept.
  void Insert(std::span<const uint8_t> question, std::string answer, BootTime now, BootTime until);

  std::optional<std::string> Find(std::span<const uint8_t> question, BootTime now);
  void Clear();

 private:
  struct Ready {
    std::string answer;
    std::vector<uint16_t> ttls_at;  // offsets in `answer`
    BootTime told;
    BootTime until;
  };
  using Answers = absl::flat_hash_map<std::string, Ready>;  // by the question behind its ID

  Ready* Look(std::span<const uint8_t> question, BootTime now);
  void Keep(std::string question, Ready ready);

  Answers fresh_;
  Answers before_;  // what is asked again in time is taken over into `fresh_`
  size_t fresh_octets_ = 0;
};

}  // namespace dnspin
