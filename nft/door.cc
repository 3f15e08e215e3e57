#include "nft/door.h"

#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <cerrno>

namespace dnspin {
namespace {

constexpr int kTries = 64;
constexpr int kBacklog = 128;
constexpr int kFirstPort = 1024;  // below it, ports are privileged
constexpr int kUdpBufferOctets = 1 << 20;

struct Kind {
  int family;
  int type;
};
constexpr std::array<Kind, Door::kCount> kKinds = {{{AF_INET, SOCK_DGRAM},
                                                    {AF_INET6, SOCK_DGRAM},
                                                    {AF_INET, SOCK_STREAM},
                                                    {AF_INET6, SOCK_STREAM}}};

bool SetOption(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

bool SetOptions(int fd, Kind kind) {
  const bool ipv6 = kind.family == AF_INET6;
  if (ipv6 && !SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) {
    return false;
  }
  if (kind.type == SOCK_STREAM) {
    return SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  }
  SetOption(fd, SOL_SOCKET, SO_RCVBUF, kUdpBufferOctets);  // as much of it as the machine allows
  SetOption(fd, SOL_SOCKET, SO_SNDBUF, kUdpBufferOctets);
  return ipv6 ? SetOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
              : SetOption(fd, IPPROTO_IP, IP_PKTINFO, 1);
}

bool Bind(int fd, Kind kind, uint16_t port) {
  if (kind.family == AF_INET) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    return bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  return bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

// 0 if that cannot be known.
uint16_t BoundPort(int fd) {
  sockaddr_in6 address{};
  socklen_t length = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) < 0) {
    return 0;
  }
  return ntohs(address.sin6_port);  // at the same place as sin_port
}

// All four on one port. EADDRINUSE if one of them is taken.
absl::StatusOr<Door> TryPort(uint16_t port) {
  Door door;
  door.port = port;
  for (size_t i = 0; i < kKinds.size(); ++i) {
    const Kind kind = kKinds[i];
    Descriptor fd(socket(kind.family, kind.type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) {
      if (errno == EAFNOSUPPORT) {
        continue;
      }
      return absl::ErrnoToStatus(errno, "socket");
    }
    if (!SetOptions(fd.get(), kind) || !Bind(fd.get(), kind, door.port)) {
      return absl::ErrnoToStatus(errno, "bind a door");
    }
    if (kind.type == SOCK_STREAM && listen(fd.get(), kBacklog) < 0) {
      return absl::ErrnoToStatus(errno, "listen");
    }
    if (door.port == 0) {
      door.port = BoundPort(fd.get());
    }
    if (door.port == 0) {
      return absl::UnavailableError("nobody knows which port a door got");
    }
    door.sockets[i] = std::move(fd);
  }
  if (door.port == 0) {
    return absl::UnavailableError("neither IPv4 nor IPv6 sockets exist here");
  }
  return door;
}

uint16_t AnyPort() {
  uint16_t number = 0;
  if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number)) {
    return 0;
  }
  return static_cast<uint16_t>(kFirstPort + number % (65536 - kFirstPort));
}

}  // namespace

absl::StatusOr<Door> OpenDoor(uint16_t port_wished) {
  absl::StatusOr<Door> door = TryPort(port_wished);
  for (int tries = 1; port_wished == 0 && !door.ok() && !absl::IsResourceExhausted(door.status()) &&
                      tries < kTries;
       ++tries) {
    // Whoever has taken all the ports that the kernel gives away has not taken the others.
    door = TryPort(tries % 2 == 0 ? 0 : AnyPort());
  }
  return door;
}

}  // namespace dnspin
