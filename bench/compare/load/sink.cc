// Echoes datagrams on every local address, from the address that they were sent to.
//
//   bench-sink PORT

#include <cstring>

#include "bench/compare/load/datagrams.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    return 2;
  }
  const int socket = dnspin::bench::BoundSocket(
      dnspin::bench::AddressOf("0.0.0.0", dnspin::bench::NumberOf(argv[1], 1, 65535)));
  const int one = 1;
  setsockopt(socket, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
  for (;;) {
    char octets[64];
    alignas(cmsghdr) char control[64];
    sockaddr_in peer{};
    iovec part{octets, sizeof(octets)};
    msghdr message{};
    message.msg_name = &peer;
    message.msg_namelen = sizeof(peer);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    const ssize_t count = recvmsg(socket, &message, 0);
    const cmsghdr* told = count > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
    if (told == nullptr || told->cmsg_type != IP_PKTINFO) {
      continue;
    }
    in_pktinfo reached{};
    std::memcpy(&reached, CMSG_DATA(told), sizeof(reached));
    reached.ipi_spec_dst = reached.ipi_addr;
    reached.ipi_ifindex = 0;
    std::memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &reached, sizeof(reached));
    part.iov_len = static_cast<size_t>(count);
    sendmsg(socket, &message, 0);
  }
}
