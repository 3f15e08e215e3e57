#pragma once
// Knows: when a followed file of DNS servers (/etc/resolv.conf) is read anew, and for how long a
// reading that takes all of them away is not believed. Touches nothing but through the function it
// is given.

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nft/desired.h"
#include "pinning/clock.h"

namespace dnspin {

class FollowedServers {
 public:
  static constexpr std::chrono::milliseconds kCalm{50};     // from the first change to the reading
  static constexpr std::chrono::milliseconds kDoubt{2000};  // of a file that is gone, or empty

  explicit FollowedServers(ReadServers read) : read_(std::move(read)) {}

  // `desired` is about to follow `in_force`. Where both are of the file, and it names no server
  // this moment, those of before stay.
  void Adopt(Desired& desired, const Desired& in_force, BootTime now);

  void FileChanged(BootTime now);
  std::optional<BootTime> NextDeadline() const { return due_; }

  struct Reading {
    std::optional<std::vector<Endpoint>> servers;  // where they are others than those in force
    std::string warning;                           // once, until the file can be used again
  };
  // Reads the file if it is time to.
  Reading Expire(const Desired& in_force, BootTime now);

 private:
  Reading Doubt(const absl::Status& status, const Desired& in_force, BootTime now);

  ReadServers read_;
  std::optional<BootTime> due_;
  std::optional<BootTime> empty_since_;
  bool warned_ = false;
};

}  // namespace dnspin
