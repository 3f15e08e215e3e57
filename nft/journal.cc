#include "nft/journal.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "pinning/name.h"

namespace dnspin {
namespace {

constexpr size_t kLineOctetsMax = 1024;

Descriptor Connect(const char* path) {
  Descriptor fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  if (fd.valid() &&
      connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) < 0) {
    fd.reset();
  }
  return fd;
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

Journal::Journal(const char* socket_path) : socket_(Connect(socket_path)) {}

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
  const int priority = static_cast<int>(event.priority);
  if (!socket_.valid()) {
    const std::string line = fmt::format("<{}>{}\n", priority, OneLine(event.message));
    // A pipe that says it is writable takes PIPE_BUF octets (4096) without waiting.
    pollfd room{STDERR_FILENO, POLLOUT, 0};
    if (poll(&room, 1, 0) != 1 || write(STDERR_FILENO, line.data(), line.size()) < 0) {
      ++dropped_;
    }
    return;
  }
  std::string entry = fmt::format("MESSAGE={}\nPRIORITY={}\nSYSLOG_IDENTIFIER=dnspind\n",
                                  OneLine(event.message), priority);
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
  if (send(socket_.get(), entry.data(), entry.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    ++dropped_;
  }
}

}  // namespace dnspin
