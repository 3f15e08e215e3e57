#include <fmt/format.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <string>

#include "io/descriptor.h"
#include "tests/flood/flood.h"

namespace dnspin::flood {
namespace {

constexpr size_t kBatch = 32;

// Returns how many there were.
size_t Drain(int socket) {
  size_t count = 0;
  std::array<uint8_t, 2048> message;
  while (recv(socket, message.data(), message.size(), MSG_DONTWAIT) > 0) {
    ++count;
  }
  return count;
}

}  // namespace

int SendDatagrams(const Terms& terms) {
  const Descriptor fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&terms.server), sizeof(terms.server)) <
      0) {
    return 1;
  }
  std::array<std::string, kBatch> questions;
  std::array<iovec, kBatch> parts{};
  std::array<mmsghdr, kBatch> messages{};
  uint64_t sent = 0;
  uint64_t heard = 0;
  const auto began = Clock::now();
  while (stop == 0) {
    for (size_t i = 0; i < kBatch; ++i) {
      const uint64_t number = terms.count == 0 ? sent + i : (sent + i) % terms.count;
      questions[i] = Question(static_cast<uint16_t>(sent + i), number, terms);
      parts[i] = {questions[i].data(), questions[i].size()};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int count = sendmmsg(fd.get(), messages.data(), kBatch, 0);
    sent += static_cast<uint64_t>(std::max(count, 0));
    heard += Drain(fd.get());
    if (terms.rate > 0) {
      const std::chrono::duration<double> due(static_cast<double>(sent) / terms.rate);
      const auto wait = std::chrono::duration_cast<std::chrono::nanoseconds>(
          began + std::chrono::duration_cast<Clock::duration>(due) - Clock::now());
      const timespec time{0, std::clamp<long>(wait.count(), 0, 100'000'000)};
      nanosleep(&time, nullptr);
    }
  }
  fmt::print("{{\"sent\": {}, \"heard\": {}}}\n", sent, heard);
  return 0;
}

}  // namespace dnspin::flood
