// Asks the questions of a file, as fast as they are answered (-q of them wait at a time) or so many
// a second (-Q; then times count from when a question was due). Costs half of what dnsperf does, so
// that the server is the limit. Prints one JSON object.
//
//   bench-blast -s SERVER -d FILE [-a FIRST_ADDRESS -n ADDRESSES] [-c SOCKETS] [-q WAITING]
//               [-l SECONDS] [-Q RATE] [-k SKIP_LINES]

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "bench/compare/load/asking_socket.h"
#include "bench/compare/load/datagrams.h"

namespace dnspin::bench {
namespace {

constexpr int64_t kSecond = 1'000'000'000, kPatience = kSecond;

struct Terms {
  const char* server = nullptr;
  const char* file = nullptr;
  const char* first = "0.0.0.0";
  int addresses = 1, sockets = 30, waiting = 120, skip = 0;
  double seconds = 10, rate = 0;
};

Terms Read(int argc, char** argv) {
  Terms terms;
  for (int option = 0; (option = getopt(argc, argv, "s:d:a:n:c:q:l:Q:k:")) != -1;) {
    switch (option) {
      case 's':
        terms.server = optarg;
        break;
      case 'd':
        terms.file = optarg;
        break;
      case 'a':
        terms.first = optarg;
        break;
      case 'n':
        terms.addresses = NumberOf(optarg, 1, 250);
        break;
      case 'c':
        terms.sockets = NumberOf(optarg, 1, 256);
        break;
      case 'q':
        terms.waiting = NumberOf(optarg, 1, 65536);
        break;
      case 'l':
        terms.seconds = std::strtod(optarg, nullptr);
        break;
      case 'Q':
        terms.rate = std::strtod(optarg, nullptr);
        break;
      case 'k':
        terms.skip = NumberOf(optarg, 0, 1 << 30);
        break;
      default:
        std::exit(2);
    }
  }
  if (terms.server == nullptr || terms.file == nullptr) {
    std::exit(2);
  }
  return terms;
}

class Blast {
 public:
  explicit Blast(const Terms& terms) : terms_(terms), questions_(terms.file) {
    questions_.Skip(static_cast<size_t>(terms.skip));
    const int each = terms.rate > 0 ? 256 : terms.waiting / terms.sockets;
    const sockaddr_in server = AddressOf(terms.server, 53);
    for (int i = 0; i < terms.sockets; ++i) {
      const sockaddr_in own = Further(AddressOf(terms.first, 0), i % terms.addresses);
      const AskingSocket& socket =
          sockets_.emplace_back(own, server, static_cast<size_t>(std::clamp(each, 1, 256)));
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u32 = static_cast<uint32_t>(i);
      epoll_ctl(epoll_, EPOLL_CTL_ADD, socket.fd(), &event);
    }
  }

  void Run() {
    began_ = Now();
    end_ = began_ + static_cast<int64_t>(terms_.seconds * 1e9);
    int64_t looked = began_;
    while (Now() < end_ ||
           (tally_.sent > tally_.completed + tally_.lost && Now() < end_ + 2 * kPatience)) {
      AskWhatIsDue();
      TakeAnswers();
      if (Now() - looked > kSecond / 50) {
        looked = Now();
        for (AskingSocket& socket : sockets_) {
          socket.GiveUp(looked - kPatience, tally_);
        }
      }
    }
  }

  void Print() const {
    const double took = static_cast<double>(end_ - began_);
    const Tally& t = tally_;
    fmt::print(
        "{{\"sent\":{},\"completed\":{},\"lost\":{},\"qps\":{:.1f},\"noerror\":{},\"no_answer\":{},"
        "\"stray\":{},\"unsent\":{},\"rounds\":{},\"mean_us\":{:.1f},\"p50_us\":{:.1f},"
        "\"p95_us\":{:.1f},\"p99_us\":{:.1f},\"p99.9_us\":{:.1f},\"max_us\":{:.0f}}}\n",
        t.sent, t.completed, t.sent - t.completed, static_cast<double>(t.completed) * 1e9 / took,
        t.noerror, t.no_answer, t.stray, t.unsent, questions_.rounds(), t.times.Mean() / 1e3,
        t.times.At(.5) / 1e3, t.times.At(.95) / 1e3, t.times.At(.99) / 1e3, t.times.At(.999) / 1e3,
        static_cast<double>(t.times.most()) / 1e3);
  }

 private:
  int64_t DueTime(uint64_t number) const {
    return began_ + static_cast<int64_t>(static_cast<double>(number) * 1e9 / terms_.rate);
  }

  void AskWhatIsDue() {
    const int64_t now = Now();
    if (now >= end_) {
      return;
    }
    if (terms_.rate == 0) {
      for (AskingSocket& socket : sockets_) {
        if (socket.free() > 0) {
          socket.Ask(std::min(socket.free(), size_t{64}), now, questions_, tally_);
        }
      }
      return;
    }
    for (size_t tried = 0; tried < sockets_.size() && DueTime(tally_.sent) <= now;) {
      AskingSocket& socket = sockets_[turn_++ % sockets_.size()];
      if (socket.free() == 0) {
        ++tried;
        continue;
      }
      socket.Ask(1, DueTime(tally_.sent), questions_, tally_);
      tried = 0;
    }
  }

  void TakeAnswers() {
    constexpr int64_t kLongest = kSecond / 20;
    const int64_t wait = terms_.rate == 0
                             ? kLongest
                             : std::clamp(DueTime(tally_.sent) - Now(), int64_t{0}, kLongest);
    const timespec time{0, wait};
    std::array<epoll_event, 64> events;
    const int count = epoll_pwait2(epoll_, events.data(), events.size(), &time, nullptr);
    for (int i = 0; i < count; ++i) {
      AskingSocket& socket = sockets_[events[static_cast<size_t>(i)].data.u32];
      socket.TakeAnswers(tally_);
      if (terms_.rate == 0 && socket.free() > 0 && Now() < end_) {
        socket.Ask(std::min(socket.free(), size_t{64}), Now(), questions_, tally_);
      }
    }
  }

  Terms terms_;
  Questions questions_;
  std::vector<AskingSocket> sockets_;
  Tally tally_;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  int64_t began_ = 0, end_ = 0;
  size_t turn_ = 0;
};

}  // namespace
}  // namespace dnspin::bench

int main(int argc, char** argv) {
  prctl(PR_SET_TIMERSLACK, 1);
  dnspin::bench::Blast blast(dnspin::bench::Read(argc, argv));
  blast.Run();
  blast.Print();
}
