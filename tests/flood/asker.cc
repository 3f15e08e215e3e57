#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <map>
#include <vector>

#include "io/descriptor.h"
#include "tests/flood/flood.h"

namespace dnspin::flood {
namespace {

using std::chrono::duration;
constexpr std::chrono::seconds kPatience{4};

struct Tally {
  std::vector<double> took;  // microseconds
  size_t refused = 0, failed = 0, lost = 0;

  double At(double part) const {
    return took.empty() ? 0
                        : took[static_cast<size_t>(part * static_cast<double>(took.size() - 1))];
  }
};

void Take(int socket, std::map<uint16_t, Clock::time_point>& waiting, Tally& tally) {
  uint8_t message[4096];
  for (ssize_t octets = 0; (octets = recv(socket, message, sizeof(message), MSG_DONTWAIT)) > 0;) {
    const auto found = waiting.find(static_cast<uint16_t>(message[0] << 8 | message[1]));
    if (octets < 12 || found == waiting.end()) {
      continue;
    }
    const int rcode = message[3] & 15;
    tally.refused += rcode == 5 ? 1 : 0;
    tally.failed += rcode != 5 && (rcode != 0 || message[7] == 0) ? 1 : 0;
    if (rcode == 0) {
      const duration<double, std::micro> took = Clock::now() - found->second;
      tally.took.push_back(took.count());
    }
    waiting.erase(found);
  }
}

}  // namespace

// Every second question is for a name that it has asked before.
int Ask(const Terms& terms) {
  const Descriptor fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&terms.server), sizeof(terms.server)) <
      0) {
    return 1;
  }
  std::map<uint16_t, Clock::time_point> waiting;
  Tally tally;
  const duration<double> pause(1 / terms.rate);
  const auto began = Clock::now();
  size_t asked = 0;
  while (stop == 0 && (asked < terms.count || !waiting.empty())) {
    const auto due =
        began + std::chrono::duration_cast<Clock::duration>(pause * static_cast<double>(asked));
    const auto now = Clock::now();
    if (asked < terms.count && now >= due) {
      const auto id = static_cast<uint16_t>(asked);
      const std::string question = Question(id, asked % 2 == 0 ? 0 : asked, terms);
      waiting[id] = Clock::now();
      send(fd.get(), question.data(), question.size(), 0);
      ++asked;
      continue;
    }
    pollfd wait{fd.get(), POLLIN, 0};
    const auto left = std::min<Clock::duration>(
        asked < terms.count ? due - now : Clock::duration(std::chrono::milliseconds(50)),
        std::chrono::milliseconds(50));
    const timespec time{0, std::max<long>(std::chrono::nanoseconds(left).count(), 0)};
    ppoll(&wait, 1, &time, nullptr);
    Take(fd.get(), waiting, tally);
    tally.lost += std::erase_if(
        waiting, [&](const auto& one) { return Clock::now() - one.second > kPatience; });
  }
  std::sort(tally.took.begin(), tally.took.end());
  fmt::print(
      "{{\"asked\": {}, \"answered\": {}, \"refused\": {}, \"failed\": {}, \"lost\": {}, "
      "\"p50\": {:.0f}, \"p99\": {:.0f}, \"max\": {:.0f}}}\n",
      asked, tally.took.size(), tally.refused, tally.failed, tally.lost, tally.At(0.5),
      tally.At(0.99), tally.At(1));
  return 0;
}

}  // namespace dnspin::flood
