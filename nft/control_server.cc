#include "nft/control_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace dnspin {

absl::StatusOr<Descriptor> ListenForControl(const std::string& run_dir) {
  const std::string path = run_dir + "/control";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError("run_dir is too long for a socket: " + run_dir);
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (mkdir(run_dir.c_str(), 0750) < 0 && errno != EEXIST) {
    return absl::ErrnoToStatus(errno, "make " + run_dir);
  }
  unlink(path.c_str());
  Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const mode_t mask = umask(0117);
  const bool bound =
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  const int error = errno;
  umask(mask);
  if (!bound) {
    return absl::ErrnoToStatus(error, "bind " + path);
  }
  if (listen(fd.get(), 16) < 0) {
    return absl::ErrnoToStatus(errno, "listen on " + path);
  }
  return fd;
}

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Create(Descriptor listener,
                                                                     gid_t group, Reactor& reactor,
                                                                     Answer answer) {
  std::unique_ptr<ControlServer> server(
      new ControlServer(std::move(listener), group, reactor, std::move(answer)));
  auto watch = reactor.Add(server->listener_.get(), [raw = server.get()](Ready) { raw->Accept(); });
  if (!watch.ok()) {
    return watch.status();
  }
  server->watch_ = *std::move(watch);
  return server;
}

// The socket's mode says the same; this holds even where somebody has changed it.
bool ControlServer::MayAsk(int fd) const {
  ucred peer{};
  socklen_t length = sizeof(peer);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
    return false;
  }
  if (peer.uid == 0 || peer.uid == geteuid() || peer.gid == group_) {
    return true;
  }
  std::array<gid_t, 1024> groups{};
  length = sizeof(groups);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) < 0) {
    return false;
  }
  const auto end = groups.begin() + static_cast<std::ptrdiff_t>(length / sizeof(gid_t));
  return std::find(groups.begin(), end, group_) != end;
}

void ControlServer::Accept() {
  Descriptor fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd.valid() || connections_.size() >= kConnectionsMax || !MayAsk(fd.get())) {
    return;
  }
  Connection& connection = connections_.emplace_back();
  connection.fd = std::move(fd);
  auto watch = reactor_.Add(connection.fd.get(),
                            [this, &connection](Ready ready) { Serve(connection, ready); });
  if (watch.ok()) {
    connection.watch = *std::move(watch);
  } else {
    connection.ended = true;
  }
}

void ControlServer::Serve(Connection& connection, Ready ready) {
  if (ready.readable && !connection.answered) {
    Read(connection);
  } else if (ready.readable && recv(connection.fd.get(), nullptr, 0, MSG_PEEK) < 0) {
    connection.ended = true;
  }
  if (connection.answered && !connection.ended) {
    Write(connection);
  }
}

void ControlServer::Read(Connection& connection) {
  std::array<char, 1024> part{};
  const ssize_t octets = recv(connection.fd.get(), part.data(), part.size(), 0);
  if (octets <= 0) {
    connection.ended = octets == 0 || (errno != EAGAIN && errno != EINTR);
    return;
  }
  connection.received.append(part.data(), static_cast<size_t>(octets));
  const size_t end = connection.received.find('\n');
  if (std::min(end, connection.received.size()) > kRequestOctetsMax) {
    connection.ended = true;
    return;
  }
  if (end == std::string::npos) {
    return;
  }
  connection.unsent = answer_(connection.received.substr(0, end));
  connection.answered = true;
}

void ControlServer::Write(Connection& connection) {
  const ssize_t octets =
      send(connection.fd.get(), connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
  if (octets < 0) {
    connection.ended = errno != EAGAIN && errno != EINTR;
  } else {
    connection.unsent.erase(0, static_cast<size_t>(octets));
    connection.ended = connection.unsent.empty();
  }
  connection.watch.WantWrite(!connection.ended);
}

void ControlServer::Expire(BootTime now) {
  for (auto it = connections_.begin(); it != connections_.end();) {
    if (!it->deadline) {
      it->deadline = now + kTimeLimit;
    }
    it = it->ended || *it->deadline <= now ? connections_.erase(it) : std::next(it);
  }
}

}  // namespace dnspin
