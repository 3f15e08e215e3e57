#include "cli/control_client.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "cli/table.h"
#include "io/descriptor.h"

namespace dnspin {
namespace {

constexpr size_t kRequestOctetsMax = 4096;
constexpr size_t kReplyOctetsMax = size_t{256} << 20;

absl::StatusOr<Descriptor> Connect(const std::string& path, std::chrono::seconds limit) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::UnavailableError("too long for a socket: " + path);
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval most{limit.count(), 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
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

// Its diagnostics are lines.
std::string HarmlessLines(std::string_view text) {
  std::string lines;
  for (size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    lines += Harmless(text.substr(0, end)) + "\n";
    text.remove_prefix(end + 1);
  }
  return lines + Harmless(text);
}

}  // namespace

absl::StatusOr<Json> AskDaemon(const std::string& run_dir, const Json& request,
                               std::chrono::seconds limit) {
  const auto fd = Connect(run_dir + "/control", limit);
  if (!fd.ok()) {
    return fd.status();
  }
  const std::string line = request.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
  if (line.size() > kRequestOctetsMax) {
    return absl::FailedPreconditionError("that is more than can be asked at once");
  }
  if (send(fd->get(), line.data(), line.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(line.size())) {
    return absl::UnavailableError(fmt::format("ask dnspind: {}", std::strerror(errno)));
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
    return absl::FailedPreconditionError(HarmlessLines(reply["error"].get<std::string>()));
  }
  return reply;
}

}  // namespace dnspin
