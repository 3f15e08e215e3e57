#pragma once
// Knows: sockets to upstream servers: one a question and transport, of a random port, bound to the
// interface that the server is reached by; which datagrams came in fragments. Touches: those.

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "io/descriptor.h"
#include "io/reactor.h"
#include "resolver/random.h"
#include "resolver/upstreams.h"

namespace dnspin {

class UpstreamNetwork final : public UpstreamSockets {
 public:
  struct Events {
    std::function<void(SocketId, std::span<const uint8_t> message, Carriage)> message;
    std::function<void(SocketId)> broken;
  };

  // Both outlive it.
  UpstreamNetwork(WatchGroup& watches, RandomSource& random) : watches_(watches), random_(random) {}
  void SetEvents(Events events) { events_ = std::move(events); }

  std::optional<SocketId> Send(const Upstream& server, Transport transport,
                               std::string_view message) override;
  void Close(SocketId socket) override;

 private:
  struct Socket {
    Descriptor fd;
    Endpoint server;
    Watch watch;      // ends before its descriptor does
    std::string out;  // not sent yet; streams only
    std::string in;   // of a message that is not whole yet; streams only
  };

  void OnDatagramReady(SocketId id);
  void OnStreamReady(SocketId id);
  bool SendStream(Socket& socket);
  void Break(SocketId id);

  WatchGroup& watches_;
  RandomSource& random_;
  Events events_;
  absl::flat_hash_map<SocketId, Socket> sockets_;
  uint64_t last_id_ = 0;
  std::array<uint8_t, 4096> datagram_{};  // longer than was asked for; what is longer still is cut
};

}  // namespace dnspin
