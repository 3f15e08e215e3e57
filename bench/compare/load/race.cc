// Asks a name, and the moment that its answer is in hand sends a datagram to the address in it; who
// is there (bench-sink) echoes it. A first datagram that is lost says that the answer was told
// before it was pinned; further ones say for how long. Prints one JSON object.
//
//   bench-race [-b] [-c CLIENTS] [-p POLL_US] [-w GIVE_UP_MS] SERVER FIRST_CLIENT COUNT TAG
//
// -b: waits in the kernel, not spinning. Question N is asked by client N % CLIENTS.

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "bench/compare/load/datagrams.h"

namespace dnspin::bench {
namespace {

constexpr double kPatience = 2e6;  // microseconds, as all times here
constexpr int kPort = 7777;

struct Terms {
  bool blocks = false;
  int clients = 1, poll = 20, give_up = 1000, count = 0;
  sockaddr_in server{}, first{};
  std::string tag;
};

struct Client {
  int questions, packets;
};

struct Result {
  int answered = 0, no_address = 0, first_lost = 0, never = 0;
  std::vector<double> answers, windows;
};

double Now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

// -1: nothing came within that time.
ssize_t Receive(int fd, void* octets, size_t size, double wait, bool blocks) {
  const double end = Now() + wait;
  for (;;) {
    const ssize_t count = recv(fd, octets, size, MSG_DONTWAIT);
    const double left = end - Now();
    if (count >= 0 || left <= 0) {
      return count;
    }
    if (!blocks) {
      sched_yield();
      continue;
    }
    pollfd readable{fd, POLLIN, 0};
    const timespec time{static_cast<time_t>(left / 1e6),
                        static_cast<long>(left * 1e3) % 1'000'000'000};
    ppoll(&readable, 1, &time, nullptr);
  }
}

std::string QuestionOf(int number, const std::string& tag) {
  std::string question{static_cast<char>(number >> 8), static_cast<char>(number), 1, 0, 0, 1};
  question.append(6, 0);
  for (const std::string& label : {fmt::format("n{}-{}", number, tag), std::string("race"),
                                   std::string("pin"), std::string("example")}) {
    question += static_cast<char>(label.size()) + label;
  }
  return question.append({0, 0, 1, 0, 1});
}

// The last A record of the answer section; 0 if there is none. The upstream is ours, the server
// under test is not hostile.
uint32_t AddressIn(const uint8_t* message, size_t octets, size_t at) {
  uint32_t address = 0;
  for (int left = message[6] << 8 | message[7]; left > 0 && at + 12 < octets; --left) {
    while (at + 12 < octets && message[at] != 0 && message[at] < 64) {
      at += message[at] + 1U;
    }
    at += message[at] != 0 ? 2 : 1;
    const int length = message[at + 8] << 8 | message[at + 9];
    if (message[at + 1] == 1 && length == 4 && at + 14 <= octets) {
      std::memcpy(&address, message + at + 10, sizeof(address));
    }
    at += 10U + static_cast<size_t>(length);
  }
  return address;
}

// Which datagram was the first that passed, and when it was sent; -1 if none did in time.
int FirstThatPasses(int fd, const sockaddr_in& to, double began, const Terms& terms,
                    double& sent_at) {
  std::vector<double> sent = {began};
  const double end = began + terms.give_up * 1e3;
  for (;;) {
    const size_t count = sent.size();
    const double wait = count < 200 ? terms.poll : count < 400 ? 500 : 5000;
    uint32_t number = 0;
    if (Receive(fd, &number, sizeof(number), wait, terms.blocks) == sizeof(number) &&
        number < count) {
      sent_at = sent[number];
      return static_cast<int>(number);
    }
    if (Now() > end) {
      return -1;
    }
    number = static_cast<uint32_t>(count);
    sendto(fd, &number, sizeof(number), 0, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
    sent.push_back(Now());
  }
}

void Drain(int fd, bool blocks) {
  uint32_t number = 0;
  for (const double end = Now() + 150; Now() < end;) {
    Receive(fd, &number, sizeof(number), 30, blocks);
  }
}

void Try(int number, const Client& client, const Terms& terms, Result& result) {
  const std::string question = QuestionOf(number, terms.tag);
  const double asked = Now();
  send(client.questions, question.data(), question.size(), 0);
  std::array<uint8_t, 1500> reply;
  ssize_t octets = 0;
  do {
    octets = Receive(client.questions, reply.data(), reply.size(), kPatience - (Now() - asked),
                     terms.blocks);
  } while (octets >= 12 && std::memcmp(reply.data(), question.data(), 2) != 0);
  if (octets < 12) {
    return;
  }
  sockaddr_in to = AddressOf("0.0.0.0", kPort);
  to.sin_addr.s_addr = AddressIn(reply.data(), static_cast<size_t>(octets), question.size());
  uint32_t first = 0;
  if (to.sin_addr.s_addr != 0) {
    sendto(client.packets, &first, sizeof(first), 0, reinterpret_cast<const sockaddr*>(&to),
           sizeof(to));
  }
  const double told = Now();
  ++result.answered;
  result.answers.push_back(told - asked);
  if (to.sin_addr.s_addr == 0) {
    ++result.no_address;
    return;
  }
  double passed_at = told;
  const int passed = FirstThatPasses(client.packets, to, told, terms, passed_at);
  result.first_lost += passed != 0 ? 1 : 0;
  result.never += passed < 0 ? 1 : 0;
  if (passed > 0) {
    result.windows.push_back(passed_at - told);
  }
  Drain(client.packets, terms.blocks);
}

double At(std::vector<double>& times, double part) {
  std::ranges::sort(times);
  return times.empty() ? 0
                       : times[static_cast<size_t>(part * static_cast<double>(times.size() - 1))];
}

Terms Read(int argc, char** argv) {
  Terms terms;
  for (int option = 0; (option = getopt(argc, argv, "bc:p:w:")) != -1;) {
    switch (option) {
      case 'b':
        terms.blocks = true;
        break;
      case 'c':
        terms.clients = NumberOf(optarg, 1, 250);
        break;
      case 'p':
        terms.poll = NumberOf(optarg, 1, 1'000'000);
        break;
      case 'w':
        terms.give_up = NumberOf(optarg, 1, 10'000);
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
  terms.count = NumberOf(argv[optind + 2], 1, 65535);
  terms.tag = argv[optind + 3];
  return terms;
}

}  // namespace
}  // namespace dnspin::bench

int main(int argc, char** argv) {
  using namespace dnspin::bench;  // NOLINT
  const Terms terms = Read(argc, argv);
  std::vector<Client> clients;
  for (int i = 0; i < terms.clients; ++i) {
    const sockaddr_in own = Further(terms.first, i);
    clients.push_back({BoundSocket(own), BoundSocket(own)});
    if (connect(clients.back().questions, reinterpret_cast<const sockaddr*>(&terms.server),
                sizeof(terms.server)) != 0) {
      return 1;
    }
  }
  Result result;
  for (int i = 0; i < terms.count; ++i) {
    Try(i, clients[static_cast<size_t>(i) % clients.size()], terms, result);
  }
  fmt::print(
      "{{\"names\":{},\"answered\":{},\"no_address\":{},\"first_packet_lost\":{},"
      "\"never_reachable\":{},\"window_us_p50\":{:.0f},\"window_us_max\":{:.0f},"
      "\"answer_us_p50\":{:.0f},\"answer_us_p99\":{:.0f},\"answer_us_p99.9\":{:.0f}}}\n",
      terms.count, result.answered, result.no_address, result.first_lost, result.never,
      At(result.windows, .5), At(result.windows, 1), At(result.answers, .5),
      At(result.answers, .99), At(result.answers, .999));
}
