// A reader that its client has broken. hostile_test.py and liar_test.py put it where dnspind looks
// for dnspin-resolver. It is confined as that is, takes its client as that does, and then does what
// the client's IPv4 address tells it to: 10.138.0.N lies on its channel, 10.138.1.N attempts what
// it may not, and of any other client it is an honest reader.
//
//   dnspin-hostile --list          the attempts, one a line
//   dnspin-hostile --free N        makes one without any confinement
//   dnspin-hostile --unfiltered N  makes one confined, but without a filter (descriptor 4: its
//   root)

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "config/policy_document.h"
#include "io/packet_pair.h"
#include "io/system_clock.h"
#include "resolver/confinement.h"
#include "resolver/random.h"
#include "resolver/resolver_daemon.h"
#include "tests/hostile/attempts.h"
#include "tests/hostile/lies.h"
#include "tests/hostile/waiting.h"

namespace dnspin {
namespace {

constexpr int kService = 3;
constexpr int kRoot = 4;
constexpr int kNotConfined = 3;
constexpr int kSucceeded = 200;  // no errno

// Descriptors of the next message, which stays where it is.
std::vector<Descriptor> Peek(int fd) {
  WaitUntilReady(fd, EPOLLIN, -1);
  std::array<char, 1024> octets{};
  iovec part{octets.data(), octets.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(8 * sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  std::vector<Descriptor> descriptors;
  if (recvmsg(fd, &header, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0) {
    _exit(0);  // dnspind has gone
  }
  if (const cmsghdr* const rights = CMSG_FIRSTHDR(&header)) {
    std::array<int, 8> fds{};
    const size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    std::memcpy(fds.data(), CMSG_DATA(rights), count * sizeof(int));
    for (size_t i = 0; i < count; ++i) {
      descriptors.emplace_back(fds.at(i));
    }
  }
  return descriptors;
}

// What is told of the client, once it is.
Policy PeekPolicy(int channel) {
  for (;;) {
    const auto descriptors = Peek(channel);
    if (descriptors.size() == 1) {
      const auto text = ReadSealedMemory(descriptors.front().get(), kPolicyDocumentOctetsMax);
      const auto policy =
          text.ok() ? ReadPolicyDocument(*text) : absl::StatusOr<Policy>(text.status());
      if (policy.ok()) {
        return *policy;
      }
    }
    Wait(1);
  }
}

int MakeAttempt(size_t number, const Surroundings& around) {
  const std::vector<Attempt> attempts = Attempts();
  if (number >= attempts.size()) {
    return kNotConfined;
  }
  const int error = attempts[number].make(around);
  return error == 0 ? kSucceeded : error;
}

int BeHostile() {
  const Surroundings around = LookAround();
  SystemClock clock;
  KernelRandom random;
  auto honest = ResolverDaemon::Create(Descriptor(kService), clock, random, ReadPolicyDocument);
  if (!honest.ok() || !Confine(kRoot).ok()) {
    return kNotConfined;
  }
  auto service = Peek(kService);
  if (service.empty()) {
    return kNotConfined;
  }
  const int channel = service.back().get();
  const Policy policy = PeekPolicy(channel);
  const auto address = policy.addresses.front().bytes();
  if (address[0] != 10 || address[1] != 138) {
    service.clear();
    return (*honest)->Run().ok() ? 0 : kNotConfined;
  }
  if (address[2] == 1) {
    _exit(MakeAttempt(address[3], around));
  }
  TellLie(address[3], {channel, policy});
  Wait(-1);  // an honest reader would not end either: it is dnspind that ends a liar
  return 0;
}

int Main(int argc, char** argv) {
  const std::string_view word = argc > 1 ? argv[1] : "";
  if (word == "--list") {
    for (const Attempt& attempt : Attempts()) {
      std::puts(attempt.name);
    }
    return 0;
  }
  if (argc != 3) {
    return BeHostile();
  }
  const auto number = static_cast<size_t>(std::atoi(argv[2]));
  if (word == "--unfiltered") {
    const Surroundings around = LookAround();
    return GiveUpPowers(kRoot).ok() ? MakeAttempt(number, around) : kNotConfined;
  }
  const rlimit descriptors{65536, 65536};
  setrlimit(RLIMIT_NOFILE, &descriptors);
  return MakeAttempt(number, StandIns());
}

}  // namespace
}  // namespace dnspin

int main(int argc, char** argv) { return dnspin::Main(argc, argv); }
