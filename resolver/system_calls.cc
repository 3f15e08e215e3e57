#include "resolver/system_calls.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace dnspin {
namespace {

constexpr int kOriginalDestination = 80;  // SO_ORIGINAL_DST, whose header does not go with these

AllowedCall Option(const char* call, int level, int name) {
  return {call, {IntIs(1, level), IntIs(2, name)}};
}

}  // namespace

std::vector<AllowedCall> CallsOfReader() {
  std::vector<AllowedCall> calls = CallsOfTheLibraries();
  const std::vector<AllowedCall> own = {
      // To upstreams. Where to, nftables judges: a filter cannot see it.
      InetSocket(AF_INET, SOCK_DGRAM),
      InetSocket(AF_INET, SOCK_STREAM),
      InetSocket(AF_INET6, SOCK_DGRAM),
      InetSocket(AF_INET6, SOCK_STREAM),
      // To a port by chance, for what the socket is connected to then.
      {"bind", {IntIs(2, int{sizeof(sockaddr_in)})}},
      {"bind", {IntIs(2, int{sizeof(sockaddr_in6)})}},
      {"connect"},
      {"sendto", {{4, 0}}},  // connected: it names no address
      {"recvfrom"},
      // Doors and channels, which come by the service socket.
      {"accept4", {IntIs(3, SOCK_NONBLOCK | SOCK_CLOEXEC)}},
      {"recvmsg"},
      {"sendmsg"},
      {"recvmmsg"},
      {"sendmmsg"},
      Option("setsockopt", SOL_SOCKET, SO_BINDTODEVICE),
      Option("setsockopt", SOL_SOCKET, SO_RXQ_OVFL),
      Option("setsockopt", IPPROTO_IP, IP_RECVFRAGSIZE),
      Option("setsockopt", IPPROTO_IPV6, IPV6_RECVFRAGSIZE),
      Option("setsockopt", IPPROTO_IP, IP_PKTINFO),
      Option("setsockopt", IPPROTO_IP, IP_MTU_DISCOVER),
      Option("setsockopt", IPPROTO_IPV6, IPV6_RECVPKTINFO),
      Option("setsockopt", IPPROTO_IPV6, IPV6_MTU_DISCOVER),
      Option("setsockopt", IPPROTO_TCP, TCP_NODELAY),
      Option("getsockopt", SOL_SOCKET, SO_DOMAIN),
      Option("getsockopt", SOL_SOCKET, SO_COOKIE),
      Option("getsockopt", IPPROTO_IP, kOriginalDestination),
      Option("getsockopt", IPPROTO_IPV6, kOriginalDestination),
      {"epoll_ctl"},
      {"epoll_wait"},
      {"epoll_pwait"},                            // what it is called on aarch64
      {"setitimer", {IntIs(0, ITIMER_VIRTUAL)}},  // an end to the beginning
      // Policies, in sealed memory.
      {"fcntl", {IntIs(1, F_GET_SEALS)}},
      {"pread64"},
  };
  calls.insert(calls.end(), own.begin(), own.end());
  return calls;
}

}  // namespace dnspin
