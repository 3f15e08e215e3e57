#include "resolver/upstream_network.h"

#include <array>
#include <cerrno>
#include <utility>

#include "resolver/octets.h"
#include "resolver/socket_address.h"

namespace dnspin {
namespace {

constexpr size_t kLengthOctets = 2;

// What was put together of fragments comes with a word about it, and nothing else does.
bool TellFragments(int fd, int family) {
  const int on = 1;
  return family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_RECVFRAGSIZE, &on, sizeof(on)) == 0
                           : setsockopt(fd, IPPROTO_IPV6, IPV6_RECVFRAGSIZE, &on, sizeof(on)) == 0;
}

// Of all ports that need no privilege: the kernel's own choice is as hard to foresee, but is one of
// `ip_local_port_range` only, 28,232 as Linux comes.
bool BindSomePort(int fd, int family, RandomSource& random) {
  constexpr uint32_t kFirst = 1024;
  constexpr uint32_t kCount = 65536 - kFirst;
  constexpr int kTries = 64;  // more than enough: few ports are taken
  const Address any = *Address::Parse(family == AF_INET ? "0.0.0.0" : "::");
  for (int tries = 0; tries < kTries; ++tries) {
    const SocketAddress own({any, static_cast<uint16_t>(kFirst + random.Next() % kCount)});
    if (bind(fd, own.get(), own.octets) == 0) {
      return true;
    }
    if (errno != EADDRINUSE) {
      return false;
    }
  }
  return false;
}

// Connected to `server` alone, so that the kernel passes nothing else on; a socket that cannot be
// bound to the interface is not used at all, nor is there one where no route leads to the server.
Descriptor Connected(const Upstream& server, Transport transport, RandomSource& random) {
  const int family = server.endpoint.address.family() == Family::kIpv4 ? AF_INET : AF_INET6;
  const int type = transport == Transport::kUdp ? SOCK_DGRAM : SOCK_STREAM;
  Descriptor fd(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid() || server.interface.empty() ||
      setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, server.interface.data(),
                 static_cast<socklen_t>(server.interface.size())) < 0) {
    return {};
  }
  if (type == SOCK_DGRAM &&
      !(TellFragments(fd.get(), family) && BindSomePort(fd.get(), family, random))) {
    return {};
  }
  // A link-local address, too, is one on the interface that the socket is bound to.
  const SocketAddress address(server.endpoint);
  if (connect(fd.get(), address.get(), address.octets) < 0 && errno != EINPROGRESS) {
    return {};
  }
  return fd;
}

bool IsNotReady(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

std::optional<SocketId> UpstreamNetwork::Send(const Upstream& server, Transport transport,
                                              std::string_view message) {
  Socket socket;
  socket.fd = Connected(server, transport, random_);
  socket.server = server.endpoint;
  if (!socket.fd.valid()) {
    return std::nullopt;
  }
  const SocketId id{++last_id_};
  const bool stream = transport == Transport::kTcp;
  // Two callbacks: with a third thing to know they would take memory of their own.
  auto watch = stream ? watches_.Add(socket.fd.get(), [this, id](Ready) { OnStreamReady(id); })
                      : watches_.Add(socket.fd.get(), [this, id](Ready) { OnDatagramReady(id); });
  if (!watch.ok()) {
    return std::nullopt;
  }
  socket.watch = std::move(*watch);
  if (stream) {
    AppendU16(socket.out, message.size());
    socket.out += message;
    socket.watch.WantWrite(true);  // once it is connected
  } else if (send(socket.fd.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0) {
    return std::nullopt;
  }
  sockets_.emplace(id, std::move(socket));
  return id;
}

void UpstreamNetwork::Close(SocketId socket) { sockets_.erase(socket); }

void UpstreamNetwork::Break(SocketId id) { events_.broken(id); }

void UpstreamNetwork::OnDatagramReady(SocketId id) {
  const auto found = sockets_.find(id);
  if (found == sockets_.end()) {
    return;
  }
  iovec part{datagram_.data(), datagram_.size()};
  alignas(cmsghdr) std::array<char, 64> control{};
  SocketAddress from;
  msghdr header{};
  header.msg_name = from.get();
  header.msg_namelen = from.octets;
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t octets = recvmsg(found->second.fd.get(), &header, 0);
  if (octets >= 0 && from.Read() != found->second.server) {
    return;  // it came before the socket was connected
  }
  if (octets >= 0) {
    events_.message(id, std::span<const uint8_t>(datagram_).first(static_cast<size_t>(octets)),
                    CMSG_FIRSTHDR(&header) != nullptr ? Carriage::kInFragments : Carriage::kWhole);
  } else if (!IsNotReady(errno)) {
    Break(id);
  }
}

bool UpstreamNetwork::SendStream(Socket& socket) {
  const ssize_t octets = send(socket.fd.get(), socket.out.data(), socket.out.size(), MSG_NOSIGNAL);
  if (octets < 0) {
    return IsNotReady(errno) || errno == ENOTCONN;
  }
  socket.out.erase(0, static_cast<size_t>(octets));
  socket.watch.WantWrite(!socket.out.empty());
  return true;
}

void UpstreamNetwork::OnStreamReady(SocketId id) {
  const auto found = sockets_.find(id);
  if (found == sockets_.end()) {
    return;
  }
  Socket& socket = found->second;
  if (!socket.out.empty() && !SendStream(socket)) {
    Break(id);
    return;
  }
  std::array<char, 16384> buffer;
  const ssize_t octets = recv(socket.fd.get(), buffer.data(), buffer.size(), 0);
  if (octets <= 0) {
    if (octets == 0 || !(IsNotReady(errno) || errno == ENOTCONN)) {
      Break(id);
    }
    return;
  }
  socket.in.append(buffer.data(), static_cast<size_t>(octets));
  OctetReader reader(AsOctets(socket.in));
  const size_t length = reader.U16();
  if (socket.in.size() >= kLengthOctets + length) {
    const std::string message = socket.in.substr(kLengthOctets, length);
    socket.in.clear();  // one question, one answer
    events_.message(id, AsOctets(message), Carriage::kWhole);
  }
}

}  // namespace dnspin
