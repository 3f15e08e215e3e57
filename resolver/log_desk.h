#pragma once
// Knows: the firewall's log, packet after packet, and tells dnspind where each went. Touches: the
// log's socket, which can only be read, and its channel.

#include <vector>

#include "absl/status/status.h"
#include "io/descriptor.h"
#include "io/reactor.h"
#include "pinning/logged_packet.h"

namespace dnspin {

class LogDesk {
 public:
  // `reactor` outlives it.
  LogDesk(Reactor& reactor, Descriptor log, Descriptor channel)
      : reactor_(reactor), log_(std::move(log)), channel_(std::move(channel)) {}

  absl::Status Start();

 private:
  void Read();
  void Tell();

  Reactor& reactor_;
  Descriptor log_;
  Descriptor channel_;
  std::vector<LoggedPacket> packets_;  // not told yet
  Watch watch_;
};

}  // namespace dnspin
