#pragma once
// Knows: how to stay in touch with the QubesDB of this machine without ever waiting for it.
// Touches: its socket.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/qubesdb_message.h"
#include "config/qubesdb_mirror.h"
#include "io/descriptor.h"
#include "pinning/clock.h"
#include "pinning/rule_source.h"

namespace dnspin {

class QubesdbSource : public RuleSource {
 public:
  // The sockets of a qube: the one that can be written to, else the one that cannot.
  static std::vector<std::string> DefaultSockets();

  // The first of `sockets` that answers is used. Connects in Serve(). Fails where epoll does.
  static absl::StatusOr<QubesdbSource> Create(std::vector<std::string> sockets);

  int fd() const override { return ready_.get(); }
  std::optional<BootTime> NextDeadline() const override { return connect_at_; }
  News Serve(BootTime now) override;
  bool known() const override { return view_.has_value(); }
  void Follow(const std::map<std::string, std::set<std::string>>& targets) override;

  // What stood there when all was read, and has been read anew since. Null before that. It stays
  // while QubesDB is not to be reached.
  const qubesdb::View* view() const { return view_ ? &*view_ : nullptr; }

  uint64_t connection() const override { return connection_; }
  bool Write(const std::string& path, const std::string& data) override;
  bool Remove(const std::string& path) override;
  uint64_t Handled(const std::string& target) const override;

 private:
  QubesdbSource(std::vector<std::string> sockets, Descriptor ready)
      : sockets_(std::move(sockets)), ready_(std::move(ready)) {}
  absl::Status Connect();
  std::set<std::string> Targets() const;
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
  std::map<std::string, std::set<std::string>> followed_;
  uint64_t connection_ = 0;
  uint64_t taken_ = 0;  // of the mirror's changes
  std::optional<qubesdb::View> view_;
  std::optional<BootTime> connect_at_{BootTime()};  // none: there is a connection
  BootClock::duration pause_{};
  bool said_ = false;  // that there is none
};

}  // namespace dnspin
