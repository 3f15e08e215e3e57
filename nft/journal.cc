#include "nft/journal.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "pinning/name.h"

namespace dnspin {
namespace {

constexpr size_t kLineOctetsMax = 1024;

// Also again, to who is there now.
bool Connect(int fd, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

// No field can bring a line break, and so none can make a field of its own.
std::string OneLine(std::string_view text) {
  std::string line(text.substr(0, kLineOctetsMax));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<uint8_t>(c) < ' ' || c == '\x7f'; },
      '?');
  return line;
}

}  // namespace

Journal::Journal(std::string socket_path)
    : path_(std::move(socket_path)),
      socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
  if (socket_.valid() && !Connect(socket_.get(), path_)) {
    socket_.reset();
  }
}

bool Journal::Spend(const std::string& client, BootTime now) {
  if (client.empty()) {
    return true;
  }
  Budget& budget = budgets_[client];
  budget.used = now;
  if (!budget.lines.Spend(now)) {
    ++budget.dropped;
    ++dropped_;
    return false;
  }
  return true;
}

void Journal::Write(const Event& event, BootTime now) {
  if (Spend(event.client, now)) {
    Send(event);
  }
}

void Journal::Say(Priority priority, std::string message, BootTime now) {
  Write({priority, std::move(message), {}, {}, {}}, now);
}

void Journal::LeaveOut(const std::string& client, uint64_t lines, BootTime now) {
  Budget& budget = budgets_[client];
  budget.used = now;
  budget.dropped += lines;
  dropped_ += lines;
}

void Journal::TellDropped(BootTime now) {
  for (auto it = budgets_.begin(); it != budgets_.end();) {
    Budget& budget = it->second;
    if (budget.dropped != 0) {
      Send({Priority::kNotice,
            fmt::format("{} log lines of {} left out", budget.dropped, it->first),
            {},
            it->first,
            {}});
      budget.dropped = 0;
    }
    // A client that has been quiet long enough has its whole budget again: nothing to remember.
    const bool full = now - budget.used > std::chrono::seconds(60);
    it = full ? budgets_.erase(it) : std::next(it);
  }
}

void Journal::Send(const Event& event) {
  if (!socket_.valid() || !SendEntry(event)) {
    SendLine(event);
  }
}

// False if the journal has gone; one that does not keep up costs the entry.
bool Journal::SendEntry(const Event& event) {
  std::string entry = fmt::format("MESSAGE={}\nPRIORITY={}\nSYSLOG_IDENTIFIER=dnspind\n",
                                  OneLine(event.message), static_cast<int>(event.priority));
  const auto field = [&entry](std::string_view name, std::string_view value) {
    if (!value.empty()) {
      entry += fmt::format("{}={}\n", name, OneLine(value));
    }
  };
  field("DNSPIN_EVENT", event.kind);
  field("DNSPIN_CLIENT", event.client);
  for (const auto& [name, value] : event.fields) {
    field(name, value);
  }
  const auto send_it = [&] {
    return send(socket_.get(), entry.data(), entry.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
  };
  if (send_it()) {
    return true;
  }
  if (errno == EAGAIN || errno == ENOBUFS) {
    ++dropped_;
    return true;
  }
  return Connect(socket_.get(), path_) && send_it();
}

void Journal::SendLine(const Event& event) {
  const std::string line =
      fmt::format("<{}>{}\n", static_cast<int>(event.priority), OneLine(event.message));
  // A pipe that says it is writable takes PIPE_BUF octets (4096) without waiting.
  pollfd room{STDERR_FILENO, POLLOUT, 0};
  if (poll(&room, 1, 0) != 1 || write(STDERR_FILENO, line.data(), line.size()) < 0) {
    ++dropped_;
  }
}

}  // namespace dnspin
