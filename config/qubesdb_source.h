#pragma once
// Knows: how to stay in touch with the QubesDB of this machine without ever waiting for it.
// Touches: its socket.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/qubesdb_message.h"
#include "config/qubesdb_mirror.h"
#include "io/descriptor.h"
#include "pinning/clock.h"

namespace dnspin {

class QubesdbSource {
 public:
  // The sockets of a qube: the one that can be written to, else the one that cannot.
  static std::vector<std::string> DefaultSockets();

  // The first of `sockets` that answers is used. Connects in Serve(). Fails where epoll does.
  static absl::StatusOr<QubesdbSource> Create(std::vector<std::string> sockets);

  // Readable whenever Serve() has something to do, beside the deadline.
  int fd() const { return ready_.get(); }
  std::optional<BootTime> NextDeadline() const { return connect_at_; }

  struct News {
    bool changed = false;  // view() is not what it was
    std::string trouble;   // for the log; empty: none
  };
  // Takes what is there, up to a share that keeps nobody waiting, and sends what can be sent.
  News Serve(BootTime now);

  // What stood there when all was read, and has been read anew since. Null before that. It stays
  // while QubesDB is not to be reached.
  const qubesdb::View* view() const { return view_ ? &*view_ : nullptr; }

  // Publishes; left out while there is no connection or too much is waiting.
  void Write(const std::string& path, const std::string& data);
  void Remove(const std::string& path);

 private:
  QubesdbSource(std::vector<std::string> sockets, Descriptor ready)
      : sockets_(std::move(sockets)), ready_(std::move(ready)) {}
  absl::Status Connect();
  absl::Status Receive();
  absl::Status Send();
  void Queue(const std::vector<qubesdb::Message>& commands);
  void WantWrite(bool want);
  void End(BootTime now);
  bool MayPublish(const std::string& path) const;

  std::vector<std::string> sockets_;
  Descriptor ready_;  // an epoll of the socket
  Descriptor socket_;
  qubesdb::Decoder decoder_;
  qubesdb::Mirror mirror_;
  std::string to_send_;
  bool wants_write_ = false;
  uint64_t taken_ = 0;  // of the mirror's changes
  std::optional<qubesdb::View> view_;
  std::optional<BootTime> connect_at_{BootTime()};  // none: there is a connection
  BootClock::duration pause_{};
  bool said_ = false;  // that there is none
};

}  // namespace dnspin
