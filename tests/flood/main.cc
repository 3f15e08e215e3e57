// A client that asks, or one that asks too much.
//
//   dnspin-flood KIND SERVER ZONE RATE COUNT NAME_OCTETS
//
// KIND: ask, datagrams, connections, writers, readers (flood.h). SIGTERM ends it.

#include <arpa/inet.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "tests/flood/flood.h"

namespace dnspin::flood {

volatile sig_atomic_t stop = 0;

std::string Question(uint16_t id, uint64_t number, const Terms& terms) {
  constexpr uint16_t kDnsFlags = 0x0100;
  std::string name = std::to_string(number);
  while (name.size() < terms.name_octets) {
    name += name.size() % 60 == 59 ? '.' : static_cast<char>('a' + (number + name.size()) % 26);
  }
  name += "." + terms.zone + ".";
  std::string message{static_cast<char>(id >> 8),
                      static_cast<char>(id),
                      static_cast<char>(kDnsFlags >> 8),
                      0,
                      0,
                      1,
                      0,
                      0,
                      0,
                      0,
                      0,
                      0};
  for (size_t at = 0; at < name.size();) {
    const size_t dot = name.find('.', at);
    message += static_cast<char>(dot - at);
    message.append(name, at, dot - at);
    at = dot + 1;
  }
  message.append({0, 0, 1, 0, 1});
  return message;
}

}  // namespace dnspin::flood

int main(int argc, char** argv) {
  using namespace dnspin::flood;  // NOLINT
  constexpr std::array<std::pair<std::string_view, int (*)(const Terms&)>, 5> kKinds{
      {{"ask", Ask},
       {"datagrams", SendDatagrams},
       {"connections", HoldConnections},
       {"writers", WriteSlowly},
       {"readers", ReadNothing}}};
  Terms terms;
  terms.server.sin_family = AF_INET;
  terms.server.sin_port = htons(53);
  if (argc != 7 || inet_pton(AF_INET, argv[2], &terms.server.sin_addr) != 1) {
    std::fputs("usage: dnspin-flood KIND SERVER ZONE RATE COUNT NAME_OCTETS\n", stderr);
    return 2;
  }
  terms.zone = argv[3];
  terms.rate = std::strtod(argv[4], nullptr);
  terms.count = std::strtoull(argv[5], nullptr, 10);
  terms.name_octets = std::strtoull(argv[6], nullptr, 10);
  struct sigaction action {};
  action.sa_handler = [](int) { stop = 1; };
  sigaction(SIGTERM, &action, nullptr);
  prctl(PR_SET_TIMERSLACK, 1);
  rlimit many{};
  getrlimit(RLIMIT_NOFILE, &many);
  many.rlim_cur = many.rlim_max;
  setrlimit(RLIMIT_NOFILE, &many);
  for (const auto& [name, run] : kKinds) {
    if (name == argv[1]) {
      return run(terms);
    }
  }
  return 2;
}
