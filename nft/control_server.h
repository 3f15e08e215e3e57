#pragma once
// Knows: the control socket: one request line in, one reply out, then closed. Bounded in
// connections, octets and time; only root and dnspind's own group are heard. Touches: that socket.

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "io/descriptor.h"
#include "io/reactor.h"
#include "pinning/clock.h"

namespace dnspin {

class ControlServer {
 public:
  static constexpr size_t kConnectionsMax = 16;
  static constexpr size_t kRequestOctetsMax = 4096;
  static constexpr std::chrono::seconds kTimeLimit{10};

  using Answer = std::function<std::string(const std::string& request)>;

  // `listener` listens already (it is bound while dnspind may still write to run_dir).
  static absl::StatusOr<std::unique_ptr<ControlServer>> Create(Descriptor listener, gid_t group,
                                                               Reactor& reactor, Answer answer);

  // Ends connections that have had their time. Call once a turn.
  void Expire(BootTime now);
  bool Busy() const { return !connections_.empty(); }

 private:
  struct Connection {
    Descriptor fd;
    std::string received;
    std::string unsent;
    bool answered = false;
    bool ended = false;
    std::optional<BootTime> deadline;
    Watch watch;
  };

  ControlServer(Descriptor listener, gid_t group, Reactor& reactor, Answer answer)
      : listener_(std::move(listener)),
        group_(group),
        reactor_(reactor),
        answer_(std::move(answer)) {}
  void Accept();
  bool MayAsk(int fd) const;
  void Serve(Connection& connection, Ready ready);
  void Read(Connection& connection);
  void Write(Connection& connection);

  Descriptor listener_;
  gid_t group_;
  Reactor& reactor_;
  Answer answer_;
  std::list<Connection> connections_;
  Watch watch_;
};

// The listening socket RUN_DIR/control, mode 0660 of who we are effectively; replaces one left
// behind.
absl::StatusOr<Descriptor> ListenForControl(const std::string& run_dir);

}  // namespace dnspin
