#include "config/qubesdb_source.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

namespace dnspin {
namespace {

constexpr std::chrono::milliseconds kPauseMin{50};
constexpr std::chrono::seconds kPauseMax{2};
constexpr size_t kReceivedMax = 1 << 20;  // in one turn
constexpr size_t kWaitingMax = 1 << 20;   // of what is published, while the server does not read

absl::StatusOr<Descriptor> ConnectTo(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(path + ": a path that no socket can have");
  }
  path.copy(address.sun_path, path.size());
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid() ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::ErrnoToStatus(errno, path);
  }
  return socket;
}

}  // namespace

std::vector<std::string> QubesdbSource::DefaultSockets() {
  return {"/var/run/qubes/qubesdb.sock", "/var/run/qubes/qubesdb.ro.sock"};
}

absl::StatusOr<QubesdbSource> QubesdbSource::Create(std::vector<std::string> sockets) {
  Descriptor ready(::epoll_create1(EPOLL_CLOEXEC));
  if (!ready.valid()) {
    return absl::ErrnoToStatus(errno, "epoll_create1");
  }
  return QubesdbSource(std::move(sockets), std::move(ready));
}

QubesdbSource::News QubesdbSource::Serve(BootTime now) {
  News news;
  absl::Status status;
  if (connect_at_) {
    if (now < *connect_at_) {
      return news;
    }
    status = Connect();
  }
  if (status.ok()) {
    status = Receive();
  }
  if (status.ok()) {
    status = Send();
  }
  if (mirror_.whole()) {
    news.told = mirror_.TakeTold();
  }
  if (mirror_.whole() && taken_ != mirror_.changes()) {
    taken_ = mirror_.changes();
    news.changed = !view_ || !(*view_ == mirror_.view());
    view_ = mirror_.view();
  }
  if (!status.ok()) {
    if (!std::exchange(said_, true)) {
      news.trouble = "QubesDB: " + std::string(status.message());
    }
    End(now);
  } else if (mirror_.whole()) {
    said_ = false;
    pause_ = {};
  }
  return news;
}

std::set<std::string> QubesdbSource::Targets() const {
  std::set<std::string> targets;
  for (const auto& [address, interfaces] : followed_) {
    targets.insert(address);
  }
  return targets;
}

// What is known of another qube's target counts for nobody, though QubesDB may be out of reach.
void QubesdbSource::Follow(const std::map<std::string, std::set<std::string>>& targets) {
  std::set<std::string> anew;
  for (const auto& [address, interfaces] : targets) {
    const auto before = followed_.find(address);
    if (before != followed_.end() &&
        std::none_of(interfaces.begin(), interfaces.end(), [&](const std::string& interface) {
          return before->second.contains(interface);
        })) {
      anew.insert(address);
    }
  }
  followed_ = targets;
  if (view_) {
    std::erase_if(view_->targets, [&](const auto& target) {
      return !targets.contains(target.first) || anew.contains(target.first);
    });
  }
  if (!connect_at_) {
    Queue(mirror_.Follow(Targets(), anew));
    WantWrite(true);
  }
}

absl::Status QubesdbSource::Connect() {
  absl::Status status = absl::NotFoundError("there is no socket");
  for (const std::string& path : sockets_) {
    auto socket = ConnectTo(path);
    if (!socket.ok()) {
      status = socket.status();
      continue;
    }
    epoll_event event{.events = EPOLLIN, .data = {}};
    if (::epoll_ctl(ready_.get(), EPOLL_CTL_ADD, socket->get(), &event) != 0) {
      return absl::ErrnoToStatus(errno, "epoll_ctl");
    }
    socket_ = *std::move(socket);
    connect_at_.reset();
    ++connection_;
    decoder_ = qubesdb::Decoder();
    mirror_ = qubesdb::Mirror();
    taken_ = UINT64_MAX;  // also an empty one is news
    Queue(mirror_.Begin(Targets()));
    return absl::OkStatus();
  }
  return status;
}

absl::Status QubesdbSource::Receive() {
  std::array<char, 65536> buffer;
  for (size_t received = 0; received < kReceivedMax;) {
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count == 0) {
      return absl::UnavailableError("the server has closed the connection");
    }
    if (count < 0) {
      return errno == EAGAIN || errno == EINTR ? absl::OkStatus()
                                               : absl::ErrnoToStatus(errno, "recv");
    }
    received += static_cast<size_t>(count);
    decoder_.Take({buffer.data(), static_cast<size_t>(count)});
    for (;;) {
      auto message = decoder_.Next();
      if (!message.ok()) {
        return message.status();
      }
      if (!message->has_value()) {
        break;
      }
      const auto commands = mirror_.Take(**message);
      if (!commands.ok()) {
        return commands.status();
      }
      Queue(*commands);
    }
  }
  return absl::OkStatus();
}

absl::Status QubesdbSource::Send() {
  while (!to_send_.empty()) {
    const ssize_t count = ::send(socket_.get(), to_send_.data(), to_send_.size(), MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EINTR) {
      return absl::ErrnoToStatus(errno, "send");
    }
    if (count < 0) {
      break;
    }
    to_send_.erase(0, static_cast<size_t>(count));
  }
  WantWrite(!to_send_.empty());
  return absl::OkStatus();
}

void QubesdbSource::Queue(const std::vector<qubesdb::Message>& commands) {
  for (const qubesdb::Message& command : commands) {
    to_send_ += Encode(command);
  }
}

void QubesdbSource::WantWrite(bool want) {
  if (wants_write_ != want) {
    wants_write_ = want;
    epoll_event event{.events = want ? uint32_t{EPOLLIN | EPOLLOUT} : uint32_t{EPOLLIN},
                      .data = {}};
    ::epoll_ctl(ready_.get(), EPOLL_CTL_MOD, socket_.get(), &event);
  }
}

void QubesdbSource::End(BootTime now) {
  socket_.reset();
  to_send_.clear();
  wants_write_ = false;
  mirror_ = qubesdb::Mirror();
  pause_ = std::clamp<BootClock::duration>(2 * pause_, kPauseMin, kPauseMax);
  connect_at_ = now + pause_;
}

// Nothing that is dom0's is ever written to or removed.
bool QubesdbSource::MayPublish(const std::string& path) const {
  return socket_.valid() && mirror_.whole() && qubesdb::IsPath(path) &&
         to_send_.size() < kWaitingMax &&
         (path.starts_with(kPublishedNames) || path.starts_with(kPublishedCounts));
}

bool QubesdbSource::Write(const std::string& path, const std::string& data) {
  const bool may = MayPublish(path) && !path.ends_with('/') &&
                   data.size() <= qubesdb::kValueOctetsMax && data.find('\0') == std::string::npos;
  if (may) {
    Queue({mirror_.Write(path, data)});
    WantWrite(true);
  }
  return may;
}

uint64_t QubesdbSource::Handled(const std::string& target) const {
  const auto found = mirror_.handled().find(target);
  uint64_t count = 0;
  if (found != mirror_.handled().end()) {
    const std::string& text = found->second;
    std::from_chars(text.data(), text.data() + text.size(), count);  // else it begins anew
  }
  return count;
}

bool QubesdbSource::Remove(const std::string& path) {
  const bool may = MayPublish(path);
  if (may) {
    Queue({mirror_.Remove(path)});
    WantWrite(true);
  }
  return may;
}

}  // namespace dnspin
