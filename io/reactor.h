#pragma once
// Knows: level-triggered epoll. Touches: the descriptors it is given to watch; it owns none of
// them.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/descriptor.h"
#include "pinning/clock.h"

namespace dnspin {

class Reactor;

// Watching, as a handle: it ends with the handle. Ending one (its own or another's) inside a
// callback is allowed; the callback of an ended watch is not called any more.
class Watch {
 public:
  Watch() = default;
  Watch(Watch&& other) noexcept;
  Watch& operator=(Watch&& other) noexcept;
  ~Watch();
  void WantWrite(bool want);
  void WantRead(bool want);  // as from the start; errors and hang-ups are told anyway

 private:
  friend class Reactor;
  Watch(Reactor* reactor, uint64_t id) : reactor_(reactor), id_(id) {}
  Reactor* reactor_ = nullptr;
  uint64_t id_ = 0;
};

struct Ready {
  bool readable = false;  // also set on error and hang-up: the read will tell
  bool writable = false;
};

class Reactor {
 public:
  static absl::StatusOr<std::unique_ptr<Reactor>> Create();

  // `fd` outlives the watch. Fails only where epoll_ctl does.
  absl::StatusOr<Watch> Add(int fd, std::function<void(Ready)> callback);

  // Waits until something is ready or `deadline` (none: for ever), then calls what is ready.
  absl::Status Turn(BootTime now, std::optional<BootTime> deadline);

 private:
  friend class Watch;
  struct Entry {
    int fd;
    std::function<void(Ready)> callback;
    bool read = true;
    bool write = false;
  };
  explicit Reactor(Descriptor epoll) : epoll_(std::move(epoll)) {}
  void End(uint64_t id);
  void Want(uint64_t id, bool read, bool write);

  Descriptor epoll_;
  uint64_t next_id_ = 1;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Entry>> entries_;
  std::vector<std::unique_ptr<Entry>> ended_;  // kept until the turn is over
};

}  // namespace dnspin
