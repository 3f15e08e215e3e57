#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <functional>
#include <string>
#include <vector>

#include "io/descriptor.h"
#include "tests/flood/flood.h"

namespace dnspin::flood {
namespace {

struct Stream {
  Descriptor fd;
  size_t written = 0;  // octets
  bool stuck = false;  // nothing more can be written
};

// Many connections; each is opened anew as soon as the server ends it.
class Streams {
 public:
  explicit Streams(const Terms& terms) : terms_(terms), streams_(terms.count) {}

  // `use` is called for every stream that is open, again and again.
  int Run(std::chrono::milliseconds pause, bool hears, const std::function<void(Stream&)>& use) {
    while (stop == 0) {
      for (size_t i = 0; i < streams_.size() && stop == 0; ++i) {
        if (!streams_[i].fd.valid()) {
          Open(i, hears);
        }
        use(streams_[i]);
        if (i % 64 == 0) {
          TakeEnded(0);
        }
      }
      TakeEnded(static_cast<int>(pause.count()));
    }
    fmt::print("{{\"opened\": {}, \"ended\": {}, \"written\": {}}}\n", opened_, ended_, written_);
    return 0;
  }
  void Write(Stream& stream, std::string_view octets) {
    const ssize_t count =
        send(stream.fd.get(), octets.data(), octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    stream.stuck = count < static_cast<ssize_t>(octets.size());
    stream.written += count > 0 ? static_cast<size_t>(count) : 0;
    written_ += count > 0 ? static_cast<size_t>(count) : 0;
  }

 private:
  void Open(size_t number, bool hears) {
    Descriptor fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid() || (connect(fd.get(), reinterpret_cast<const sockaddr*>(&terms_.server),
                                sizeof(terms_.server)) < 0 &&
                        errno != EINPROGRESS)) {
      return;
    }
    epoll_event event{};
    event.events = hears ? EPOLLIN | EPOLLRDHUP : EPOLLRDHUP;
    event.data.u64 = number;
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event);
    streams_[number] = {std::move(fd)};
    ++opened_;
  }
  void TakeEnded(int wait_ms) {
    std::array<epoll_event, 256> events{};
    const int count = epoll_wait(epoll_.get(), events.data(), events.size(), wait_ms);
    for (int i = 0; i < count; ++i) {
      Stream& stream = streams_[events[static_cast<size_t>(i)].data.u64];
      std::array<char, 4096> octets;
      if ((events[static_cast<size_t>(i)].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0 ||
          recv(stream.fd.get(), octets.data(), octets.size(), 0) <= 0) {
        stream = {};
        ++ended_;
      }
    }
  }

  const Terms& terms_;
  const Descriptor epoll_{epoll_create1(EPOLL_CLOEXEC)};
  std::vector<Stream> streams_;
  uint64_t opened_ = 0, ended_ = 0, written_ = 0;
};

std::string Framed(const std::string& message) {
  return std::string{static_cast<char>(message.size() >> 8), static_cast<char>(message.size())} +
         message;
}

}  // namespace

int HoldConnections(const Terms& terms) {
  return Streams(terms).Run(std::chrono::milliseconds(1), true, [](Stream&) {});
}

int WriteSlowly(const Terms& terms) {
  const std::string question = Framed(Question(1, 1, terms));
  Streams streams(terms);
  return streams.Run(std::chrono::milliseconds(1000), true, [&](Stream& stream) {
    streams.Write(stream, question.substr(stream.written % question.size(), 1));
  });
}

int ReadNothing(const Terms& terms) {
  std::string questions;
  for (uint16_t id = 0; id < 200; ++id) {
    questions += Framed(Question(id, 1, terms));
  }
  Streams streams(terms);
  return streams.Run(std::chrono::milliseconds(1), false, [&](Stream& stream) {
    if (!stream.stuck) {
      streams.Write(stream, questions);
    }
  });
}

}  // namespace dnspin::flood
