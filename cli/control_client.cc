#include "cli/control_client.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "io/descriptor.h"

namespace dnspin {
namespace {

constexpr time_t kSecondsMax = 30;
constexpr size_t kReplyOctetsMax = size_t{256} << 20;

absl::StatusOr<Descriptor> Connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError("too long for a socket: " + path);
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit{kSecondsMax, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) < 0) {
    const int error = errno;
    const char* const hint = error == EACCES ? " (root and group dnspin may ask)"
                             : error == ENOENT || error == ECONNREFUSED
                                 ? " (is dnspind running? another --run-dir?)"
                                 : "";
    return absl::UnavailableError(fmt::format("{}: {}{}", path, std::strerror(error), hint));
  }
  return fd;
}

absl::StatusOr<std::string> ReadAll(int fd) {
  std::string reply;
  std::array<char, 65536> part{};
  for (;;) {
    const ssize_t octets = recv(fd, part.data(), part.size(), 0);
    if (octets == 0) {
      return reply;
    }
    if (octets < 0 || reply.size() > kReplyOctetsMax) {
      return absl::UnavailableError("dnspind does not answer");
    }
    reply.append(part.data(), static_cast<size_t>(octets));
  }
}

}  // namespace

absl::StatusOr<Json> AskDaemon(const std::string& run_dir, const Json& request) {
  const auto fd = Connect(run_dir + "/control");
  if (!fd.ok()) {
    return fd.status();
  }
  const std::string line = request.dump() + "\n";
  if (send(fd->get(), line.data(), line.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(line.size())) {
    return absl::ErrnoToStatus(errno, "ask dnspind");
  }
  const auto text = ReadAll(fd->get());
  if (!text.ok()) {
    return text.status();
  }
  Json reply = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (reply.is_discarded()) {
    return absl::UnavailableError("dnspind closed without an answer: may you ask it?");
  }
  if (reply.is_object() && reply.contains("error") && reply["error"].is_string()) {
    return absl::FailedPreconditionError(reply["error"].get<std::string>());
  }
  return reply;
}

}  // namespace dnspin
