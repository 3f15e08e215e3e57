// A host beyond the uplink that forges answers as fast as it can. It sees each question leave and
// has the time until the true answer comes.
//
//   dnspin-spoofer MODE DEVICE EACH TOTAL SECRETS [NAMESPACE]
//
// looks at DEVICE, sends EACH forged answers for every question that it sees, of the kind that MODE
// says (forgery.h), and ends when it has sent TOTAL, or by SIGTERM, with a line of JSON. NAMESPACE:
// the packets leave there. Forged answers tell 203.0.113.66. File SECRETS gets a line for each
// question: its port, its ID, and which of its letters are capitals.

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "io/descriptor.h"
#include "tests/spoofer/forgery.h"

namespace dnspin::spoofer {
namespace {

constexpr uint32_t kForged = 0xCB007142;  // 203.0.113.66
constexpr size_t kBatch = 64;
constexpr int kBufferOctets = 32 << 20;

volatile sig_atomic_t stop = 0;

void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

Descriptor Watching(const char* device, bool own_packets_too) {
  const int protocol = htons(own_packets_too ? ETH_P_ALL : ETH_P_IP);  // else they are not seen
  Descriptor fd(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, protocol));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = static_cast<uint16_t>(protocol);
  address.sll_ifindex = static_cast<int>(if_nametoindex(device));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBufferOctets, sizeof(kBufferOctets));
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) < 0 ||
      (!own_packets_too &&
       setsockopt(fd.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0)) {
    Die("watch");
  }
  return fd;
}

Descriptor Sending(const char* name_space) {
  if (name_space != nullptr) {
    const Descriptor there(open(name_space, O_RDONLY | O_CLOEXEC));
    if (setns(there.get(), CLONE_NEWNET) < 0) {
      Die("setns");
    }
  }
  Descriptor fd(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kBufferOctets, sizeof(kBufferOctets));
  if (!fd.valid()) {
    Die("raw socket");
  }
  return fd;
}

// Returns how many could not be sent.
size_t Send(int fd, uint32_t to, std::vector<std::string>& packets) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(to);
  std::vector<iovec> parts(packets.size());
  std::vector<mmsghdr> messages(packets.size());
  for (size_t i = 0; i < packets.size(); ++i) {
    parts[i] = {packets[i].data(), packets[i].size()};
    messages[i].msg_hdr.msg_name = &address;
    messages[i].msg_hdr.msg_namelen = sizeof(address);
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  size_t lost = 0;
  for (size_t sent = 0; sent < packets.size();) {
    const int count =
        sendmmsg(fd, &messages[sent], static_cast<unsigned>(packets.size() - sent), 0);
    lost += count > 0 ? 0 : 1;
    sent += static_cast<size_t>(std::max(count, 1));
  }
  packets.clear();
  return lost;
}

// `0` and `1`, one for each letter of the name.
std::string Capitals(const Seen& seen) {
  std::string bits;
  for (const char c : seen.question.substr(0, seen.question.size() - 4)) {
    const bool capital = c >= 'A' && c <= 'Z';
    if (capital || (c >= 'a' && c <= 'z')) {
      bits += capital ? '1' : '0';
    }
  }
  return bits;
}

class Spoofer {
 public:
  Spoofer(Mode mode, Descriptor eyes, Descriptor hands, FILE* secrets, uint64_t each,
          uint64_t total)
      : mode_(mode),
        secrets_(secrets),
        eyes_(std::move(eyes)),
        hands_(std::move(hands)),
        each_(each),
        total_(total),
        random_(std::random_device()()) {}

  void Run() {
    std::puts("ready");
    std::fflush(stdout);
    std::array<uint8_t, 2048> packet;
    while (stop == 0 && forged_ < total_) {
      const ssize_t octets = recv(eyes_.get(), packet.data(), packet.size(), 0);
      if (octets <= 0) {
        continue;
      }
      const auto seen =
          WhatFor(std::span<const uint8_t>(packet).first(static_cast<size_t>(octets)));
      if (seen) {
        ++questions_;
        Flood(*seen);
        fmt::print(secrets_, "{} {} {}\n", seen->port, seen->id, Capitals(*seen));
      }
    }
    fmt::print("{{\"questions\": {}, \"forged\": {}, \"lost\": {}}}\n", questions_, forged_, lost_);
  }

 private:
  std::optional<Seen> WhatFor(std::span<const uint8_t> packet) const {
    if (mode_ != Mode::kLate) {
      return ReadQuestion(packet);
    }
    return packet.size() > 8 && packet[8] != kForgedTtl ? ReadAnswer(packet) : std::nullopt;
  }

  void Flood(const Seen& seen) {
    std::vector<std::string> packets;
    for (uint64_t i = 0; i < each_; ++i) {
      for (std::string& packet : Forge(mode_, seen, kForged, random_)) {
        packets.push_back(std::move(packet));
      }
      if (packets.size() >= kBatch) {
        lost_ += Send(hands_.get(), seen.client, packets);
      }
    }
    lost_ += Send(hands_.get(), seen.client, packets);
    forged_ += each_;
  }

  const Mode mode_;
  FILE* const secrets_;
  const Descriptor eyes_;
  const Descriptor hands_;
  const uint64_t each_;
  const uint64_t total_;
  Random random_;
  uint64_t questions_ = 0;
  uint64_t forged_ = 0;
  uint64_t lost_ = 0;
};

}  // namespace
}  // namespace dnspin::spoofer

int main(int argc, char** argv) {
  using namespace dnspin::spoofer;  // NOLINT
  const auto mode = argc > 5 ? ModeOf(argv[1]) : std::nullopt;
  if (!mode) {
    std::fputs("usage: dnspin-spoofer MODE DEVICE EACH TOTAL SECRETS [NAMESPACE]\n", stderr);
    return 2;
  }
  struct sigaction action {};
  action.sa_handler = [](int) { stop = 1; };
  sigaction(SIGTERM, &action, nullptr);
  auto eyes = Watching(argv[2], *mode == Mode::kLate);
  FILE* const secrets = std::fopen(argv[5], "w");
  auto hands = Sending(argc > 6 ? argv[6] : nullptr);
  if (secrets == nullptr) {
    Die(argv[5]);
  }
  Spoofer(*mode, std::move(eyes), std::move(hands), secrets, std::strtoull(argv[3], nullptr, 10),
          std::strtoull(argv[4], nullptr, 10))
      .Run();
  return std::fclose(secrets) == 0 ? 0 : 1;
}
