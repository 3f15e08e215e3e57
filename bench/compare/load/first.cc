// Asks one name for each client, again and again, until each has heard an address; says when. Each
// question has a port of its own, so that what the kernel remembers of one that went nowhere is
// nothing to the next. Prints one JSON object; times are nanoseconds of the monotonic clock.
//
//   bench-first [-k PID] [-i MICROSECONDS] [-w SECONDS] SERVER FIRST_CLIENT CLIENTS NAME
//
// -k: sends that process SIGHUP first. -i: from one question of a client to its next.

#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "bench/compare/load/datagrams.h"

namespace dnspin::bench {
namespace {

constexpr size_t kWaitingMax = 4;  // questions of a client

struct Terms {
  int process = 0, interval = 1000, patience = 30, clients = 1;
  sockaddr_in server{}, first{};
  std::string question;
};

int64_t Now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec;
}

std::string QuestionOf(std::string_view name) {
  std::string question("\x2a\x17\1\0\0\1\0\0\0\0\0\0", 12);
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    question += static_cast<char>(label.size());
    question += label;
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  return question.append({0, 0, 1, 0, 1});
}

class Client {
 public:
  explicit Client(const sockaddr_in& address) : address_(address) {}
  ~Client() { Close(0); }
  Client(Client&&) = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void Ask(const Terms& terms) {
    Close(kWaitingMax - 1);
    const int fd = BoundSocket(address_);
    sockets_.push_back(fd);
    const auto* server = reinterpret_cast<const sockaddr*>(&terms.server);
    if (connect(fd, server, sizeof(terms.server)) == 0) {
      send(fd, terms.question.data(), terms.question.size(), MSG_DONTWAIT);  // refused: again
    }
  }

  bool Hears() const {
    return std::ranges::any_of(sockets_, [](int fd) {
      std::array<uint8_t, 1500> reply;
      const ssize_t octets = recv(fd, reply.data(), reply.size(), MSG_DONTWAIT);
      const bool told = octets >= 12 && (reply[3] & 15) == 0;
      return told && (reply[6] != 0 || reply[7] != 0);
    });
  }

 private:
  void Close(size_t left) {
    while (sockets_.size() > left) {
      close(sockets_.front());
      sockets_.pop_front();
    }
  }

  sockaddr_in address_;
  std::deque<int> sockets_;
};

Terms Read(int argc, char** argv) {
  Terms terms;
  for (int option = 0; (option = getopt(argc, argv, "k:i:w:")) != -1;) {
    switch (option) {
      case 'k':
        terms.process = NumberOf(optarg, 2, 1 << 30);
        break;
      case 'i':
        terms.interval = NumberOf(optarg, 1, 1'000'000);
        break;
      case 'w':
        terms.patience = NumberOf(optarg, 1, 600);
        break;
      default:
        std::exit(2);
    }
  }
  if (argc - optind != 4) {
    std::exit(2);
  }
  terms.server = AddressOf(argv[optind], 53);
  terms.first = AddressOf(argv[optind + 1], 0);
  terms.clients = NumberOf(argv[optind + 2], 1, 250);
  terms.question = QuestionOf(argv[optind + 3]);
  return terms;
}

// When each heard, sorted; fewer than clients if the patience ended.
std::vector<int64_t> Run(const Terms& terms, int64_t began) {
  std::vector<Client> clients;
  std::vector<int64_t> due;
  for (int i = 0; i < terms.clients; ++i) {
    clients.emplace_back(Further(terms.first, i));
    due.push_back(began + int64_t{terms.interval} * 1000 * i / terms.clients);
  }
  std::vector<int64_t> heard;
  std::vector<bool> done(clients.size());
  while (heard.size() < clients.size() && Now() < began + terms.patience * 1'000'000'000LL) {
    for (size_t i = 0; i < clients.size(); ++i) {
      if (done[i]) {
        continue;
      }
      if (clients[i].Hears()) {
        heard.push_back(Now());
        done[i] = true;
      } else if (Now() >= due[i]) {
        clients[i].Ask(terms);
        due[i] = Now() + int64_t{terms.interval} * 1000;
      }
    }
  }
  return heard;
}

}  // namespace
}  // namespace dnspin::bench

int main(int argc, char** argv) {
  using namespace dnspin::bench;  // NOLINT
  const Terms terms = Read(argc, argv);
  std::printf("asking\n");
  std::fflush(stdout);
  const int64_t began = Now();
  if (terms.process != 0 && kill(terms.process, SIGHUP) != 0) {
    std::perror("kill");
    return 1;
  }
  const std::vector<int64_t> heard = Run(terms, began);
  fmt::print("{{\"began\":{},\"heard\":[{}]}}\n", began, fmt::join(heard, ","));
}
