#pragma once
// Knows: dnspind's end of the talk with its launcher: one request at a time, answered at once; what
// readers do by themselves is kept until asked for. Touches: that socket.

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/descriptor.h"
#include "nft/launcher_message.h"

namespace dnspin {

class LauncherLink {
 public:
  explicit LauncherLink(Descriptor socket) : socket_(std::move(socket)) {}

  int fd() const { return socket_.get(); }

  absl::StatusOr<uint16_t> OpenDoor(uint32_t client, uint16_t port_wished);  // the port it got
  absl::Status CloseDoor(uint32_t client);
  absl::StatusOr<int> StartReader(uint32_t reader);  // its pid
  absl::Status Serve(uint32_t reader, uint32_t client, const Descriptor& channel);
  absl::Status ServeLog(uint32_t reader, int log, const Descriptor& channel);
  absl::Status KillReader(uint32_t reader);

  // True if it once gave no answer. Nothing more is asked of it.
  bool lost() const { return !lost_.ok(); }

  // Readers that have ended since the last call. An error if the launcher itself has, or if it once
  // gave no answer: time to stop.
  absl::StatusOr<std::vector<LauncherReport>> TakeExits();

 private:
  absl::StatusOr<int> Ask(LauncherRequest request, std::span<const int> descriptors = {});
  absl::StatusOr<std::optional<LauncherReport>> Receive();
  absl::Status Lose(absl::Status why);

  Descriptor socket_;
  uint32_t requests_ = 0;
  absl::Status lost_;
  std::vector<LauncherReport> exits_;
};

}  // namespace dnspin
