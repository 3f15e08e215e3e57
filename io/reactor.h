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

class WatchGroup;

struct Ready {
  bool readable = false;  // also set on error and hang-up: the read will tell
  bool writable = false;
};

class Reactor {
 public:
  static absl::StatusOr<std::unique_ptr<Reactor>> Create();

  // `fd` outlives the watch. Fails only where epoll_ctl does.
  absl::StatusOr<Watch> Add(int fd, std::function<void(Ready)> callback) {
    return Add(fd, std::move(callback), nullptr);
  }

  // Waits until something is ready or `deadline` (none: for ever), then calls what is ready.
  absl::Status Turn(BootTime now, std::optional<BootTime> deadline);

  // The groups that something was ready for in the last turn, each once.
  const std::vector<uint32_t>& groups_called() const { return groups_called_; }

 private:
  friend class Watch;
  friend class WatchGroup;
  struct Entry {
    int fd;
    std::function<void(Ready)> callback;
    WatchGroup* group;  // may be null
    bool read = true;
    bool write = false;
  };
  explicit Reactor(Descriptor epoll) : epoll_(std::move(epoll)) {}
  absl::StatusOr<Watch> Add(int fd, std::function<void(Ready)> callback, WatchGroup* group);
  void Call(const Entry& entry, uint32_t events);
  void End(uint64_t id);
  void Want(uint64_t id, bool read, bool write);

  Descriptor epoll_;
  uint64_t next_id_ = 1;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Entry>> entries_;
  std::vector<std::unique_ptr<Entry>> ended_;  // kept until the turn is over
  uint64_t turns_ = 0;
  std::vector<uint32_t> groups_called_;
};

// The watches of one owner of many, so that a turn is over with those whom it concerned. Outlives
// its watches.
class WatchGroup {
 public:
  WatchGroup(Reactor& reactor, uint32_t id) : reactor_(reactor), id_(id) {}
  WatchGroup(const WatchGroup&) = delete;
  WatchGroup& operator=(const WatchGroup&) = delete;

  absl::StatusOr<Watch> Add(int fd, std::function<void(Ready)> callback) {
    return reactor_.Add(fd, std::move(callback), this);
  }
  // This turn concerns them, by a watch that is not theirs alone.
  void Touch();

 private:
  friend class Reactor;
  Reactor& reactor_;
  uint32_t id_;
  uint64_t called_in_ = 0;
};

}  // namespace dnspin
