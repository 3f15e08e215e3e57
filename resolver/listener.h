#pragma once
// Knows: a client's datagrams. Who it is by socket, source address and interface; a reply leaves
// from the address and by the interface that its question came to. Reads one batch a turn at most,
// so that no client's flood keeps the others from theirs. Touches: the socket it was handed.

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/descriptor.h"
#include "pinning/channel_message.h"
#include "resolver/return_path.h"
#include "resolver/socket_address.h"

namespace dnspin {

// Who a client is on the wire.
struct ClientPlace {
  std::vector<Address> addresses;
  std::vector<uint32_t> interface_indexes;  // none: it is not there, and nothing is its

  bool Holds(const Address& source) const;
  bool Holds(const ReturnPath& path) const;
};

using TakePacket = std::function<void(std::span<const uint8_t> packet, const ReturnPath& path)>;

// Room for one batch in and one out; the listeners of a process share it, since one reads at a
// time. A full queue is sent in the midst of that, so what goes out has room of its own. What a
// call does not use, it does not touch.
struct DatagramBatch {
  static constexpr size_t kCount = 32;
  static constexpr size_t kOctets = 4096;
  struct Headers {
    std::array<mmsghdr, kCount> messages;
    std::array<iovec, kCount> parts;
    std::array<SocketAddress, kCount> peers;
    alignas(cmsghdr) std::array<std::array<char, 128>, kCount> control;

    // Of message `i`, with all of its room.
    msghdr& Prepare(size_t i, void* data, size_t octets);
  };
  std::array<std::array<uint8_t, kOctets>, kCount> packets;
  Headers in;
  Headers out;
};

class DatagramListener {
 public:
  // Both references outlive it.
  DatagramListener(Descriptor fd, DatagramBatch& batch, CountersReport& counters);

  int fd() const { return fd_.get(); }
  void SetPlace(const ClientPlace& place) { place_ = place; }
  Family family() const { return family_; }

  // At most so many. Returns how many there were.
  size_t Read(size_t most, const TakePacket& take);
  void Queue(const ReturnPath& path, std::string message, Ending ending);
  void Flush();  // what cannot be sent now is dropped

 private:
  struct Unsent {
    ReturnPath path;
    std::string message;
    Ending ending;
  };

  std::optional<ReturnPath> PathOf(const msghdr& header, const SocketAddress& source) const;
  void CountOverflow(const msghdr& header);

  Descriptor fd_;
  DatagramBatch& batch_;
  CountersReport& counters_;
  Family family_;
  ClientPlace place_;
  std::optional<uint32_t> overflow_;  // datagrams that the kernel had dropped when we last heard
  std::vector<Unsent> queue_;
};

}  // namespace dnspin
