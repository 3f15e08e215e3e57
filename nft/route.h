#pragma once
// Knows: by which interface an address is reached now, which routes lead to single addresses, which
// addresses this machine has, and that one of these changed. Touches: NETLINK_ROUTE sockets. Needs
// no capability.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nft/netlink_socket.h"
#include "pinning/address.h"
#include "pinning/vif.h"

namespace dnspin {

struct Interface {
  uint32_t index = 0;
  std::string name;
  bool operator==(const Interface&) const = default;
};

class Routes {
 public:
  static absl::StatusOr<Routes> Create();

  // The interface by which packets to `address` leave; lo for an address of this machine. Nothing
  // if there is no way.
  absl::StatusOr<std::optional<Interface>> Towards(const Address& address);

  // The number of the interface of this name; nothing if there is none.
  absl::StatusOr<std::optional<uint32_t>> IndexOf(const std::string& name);

  // The routes to single addresses of one family, by the interface that each leaves by: how Qubes
  // OS says where a qube is.
  absl::StatusOr<std::vector<Vif>> HostRoutes(Family family);

  // Every address of this machine, sorted, each once.
  absl::StatusOr<std::vector<Address>> OwnAddresses();

 private:
  explicit Routes(NetlinkSocket socket) : socket_(std::move(socket)) {}
  absl::StatusOr<std::optional<std::string>> NameOf(uint32_t index);
  absl::Status Dump(const std::function<absl::Status()>& ask);

  NetlinkSocket socket_;
};

// Readable when interfaces, addresses, routes or the rules of routing have changed.
class RouteWatch {
 public:
  static absl::StatusOr<RouteWatch> Create();

  int fd() const { return socket_.fd(); }

  // Takes what has come. True if anything changed since, and also if it was too much to be told.
  absl::StatusOr<bool> Drain();

 private:
  explicit RouteWatch(NetlinkSocket socket)
      : socket_(std::move(socket)), buffer_(NetlinkSocket::kDatagramOctets) {}

  NetlinkSocket socket_;
  std::vector<char> buffer_;
};

}  // namespace dnspin
