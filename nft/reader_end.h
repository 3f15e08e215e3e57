#pragma once
// Knows: what a reader's wait status says of its end, in words and counted by kind. Touches
// nothing.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dnspin {

struct ReaderTally {
  static constexpr std::array<std::string_view, 4> kReasons = {
      "filter",  // it tried a system call that it may not make
      "killed",  // by dnspind, or by who else may
      "crash",   // another signal
      "exit",    // by itself
  };

  uint64_t restarted = 0;
  std::array<uint64_t, kReasons.size()> ended{};  // in the order of kReasons

  void CountEnd(int status);
};

std::string HowItEnded(int status);

}  // namespace dnspin
