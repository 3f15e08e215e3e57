#pragma once
// Knows: which doors are open and which readers live, and what comes of each request: one report,
// whatever was sent. Touches: the world by LauncherHands only, so that a fuzzer can drive it.

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "io/descriptor.h"
#include "io/packet_pair.h"
#include "nft/door.h"
#include "nft/launcher_message.h"

namespace dnspin {

struct StartedReader {
  pid_t pid = -1;
  Descriptor service;  // our end of its service socket
};

// What the launcher does to the world, one call for each kind of request.
class LauncherHands {
 public:
  virtual ~LauncherHands() = default;
  virtual absl::StatusOr<Door> Open(uint16_t port_wished) = 0;
  virtual absl::StatusOr<StartedReader> Start() = 0;
  virtual absl::Status Hand(int service, std::string_view message, std::span<const int> fds) = 0;
  virtual absl::Status Kill(pid_t pid) = 0;
};

class LauncherState {
 public:
  static constexpr size_t kDoorsMax = 1024;
  static constexpr size_t kReadersMax = 1024;

  explicit LauncherState(LauncherHands& hands) : hands_(hands) {}

  // One packet of dnspind's, well-formed or not.
  LauncherReport Take(const Packet& packet);

  // A child has ended. Nothing if it was no reader.
  std::optional<LauncherReport> Exited(pid_t pid, int status);

  std::vector<pid_t> Readers() const;
  size_t doors() const { return doors_.size(); }

 private:
  // A negative errno, or the value of the report.
  int Do(const LauncherRequest& request, const std::vector<Descriptor>& descriptors);
  int OpenDoor(const LauncherRequest& request);
  int StartReader(uint32_t number);
  int Serve(const LauncherRequest& request, const Descriptor& channel);
  int ServeLog(uint32_t reader, const Descriptor& log, const Descriptor& channel);
  int KillReader(uint32_t number);

  LauncherHands& hands_;
  std::map<uint32_t, Door> doors_;             // by client
  std::map<uint32_t, StartedReader> readers_;  // by dnspind's number
};

}  // namespace dnspin
