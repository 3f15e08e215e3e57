#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "tests/hostile/attempts.h"
#include "tests/hostile/waiting.h"

namespace dnspin {
namespace {

int Told(ssize_t result) { return result < 0 ? errno : 0; }

int Socket(int family, int type, int protocol = 0) { return Told(socket(family, type, protocol)); }

sockaddr_in At(const char* address, uint16_t port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  inet_pton(AF_INET, address, &to.sin_addr);
  return to;
}

// What a reader may have; it is what comes next that is tried.
int DatagramSocket() { return socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }
int StreamSocket() { return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

int Bind(const Surroundings&) {
  const sockaddr_in any = At("0.0.0.0", 53);
  return Told(bind(DatagramSocket(), reinterpret_cast<const sockaddr*>(&any), sizeof(any)));
}

int SendElsewhere(const Surroundings&) {
  const sockaddr_in to = At("127.0.0.1", 9);
  return Told(sendto(DatagramSocket(), "x", 1, MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to),
                     sizeof(to)));
}

// To where no rule of the readers' lets anything: what the kernel drops on its way out is refused
// with EPERM, or is never heard of.
int SendTo(const char* address, uint16_t port) {
  const sockaddr_in to = At(address, port);
  const int fd = DatagramSocket();
  connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  return Told(send(fd, "x", 1, MSG_NOSIGNAL));
}

// A loose source route (RFC 791 section 3.1) goes out to the first hop, as if it were meant.
int SendByWayOf(const char* hop, const char* address) {
  std::array<uint8_t, 8> option = {131, 7, 4};
  inet_pton(AF_INET, hop, &option[3]);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(option))> control{};
  sockaddr_in to = At(address, 53);
  const int fd = DatagramSocket();
  connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  char octet = 'x';
  iovec data{&octet, 1};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = IPPROTO_IP;
  part->cmsg_type = IP_RETOPTS;
  part->cmsg_len = CMSG_LEN(sizeof(option));
  std::memcpy(CMSG_DATA(part), option.data(), sizeof(option));
  return Told(sendmsg(fd, &message, MSG_NOSIGNAL));
}

int ConnectTo(const char* address, uint16_t port) {
  const sockaddr_in to = At(address, port);
  const int fd = StreamSocket();
  connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  return WaitUntilReady(fd, EPOLLOUT, 1000) ? Told(send(fd, "x", 1, MSG_NOSIGNAL)) : ETIMEDOUT;
}

int Mark(const Surroundings&) {
  const int mark = 7;
  return Told(setsockopt(DatagramSocket(), SOL_SOCKET, SO_MARK, &mark, sizeof(mark)));
}

int RouteAround(const Surroundings&) {
  const int on = 1;
  return Told(setsockopt(DatagramSocket(), IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on)));
}

int Pair(const Surroundings&) {
  std::array<int, 2> ends{};
  return Told(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()));
}

}  // namespace

std::vector<Attempt> AttemptsAtSockets() {
  return {
      {"a netlink socket",
       [](const Surroundings&) { return Socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER); }},
      {"a packet socket", [](const Surroundings&) { return Socket(AF_PACKET, SOCK_DGRAM); }},
      {"a UNIX socket", [](const Surroundings&) { return Socket(AF_UNIX, SOCK_STREAM); }},
      {"a pair of sockets", Pair},
      {"a raw socket", [](const Surroundings&) { return Socket(AF_INET, SOCK_RAW, IPPROTO_UDP); }},
      {"a raw socket of ICMP",
       [](const Surroundings&) { return Socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6); }},
      {"bind to a low port", Bind},
      {"listen", [](const Surroundings&) { return Told(listen(StreamSocket(), 1)); }},
      {"send without connecting", SendElsewhere},
      {"UDP to a stranger", [](const Surroundings&) { return SendTo("198.51.100.99", 53); }},
      {"UDP to another port of an upstream",
       [](const Surroundings&) { return SendTo("192.0.2.53", 5353); }},
      {"UDP to a stranger by way of an upstream",
       [](const Surroundings&) { return SendByWayOf("192.0.2.53", "198.51.100.99"); }},
      {"TCP to a stranger", [](const Surroundings&) { return ConnectTo("198.51.100.99", 80); }},
      {"TCP to this machine", [](const Surroundings&) { return ConnectTo("127.0.0.1", 22); }},
      {"mark packets", Mark},
      {"send from another's address", RouteAround},
  };
}

}  // namespace dnspin
