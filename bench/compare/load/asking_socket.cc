#include "bench/compare/load/asking_socket.h"

#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "bench/compare/load/datagrams.h"

namespace dnspin::bench {
namespace {

constexpr size_t kBatch = 64;

// One thread asks: the room is shared by all sockets.
struct Room {
  explicit Room(size_t octets_each) : octets(kBatch * octets_each) {
    for (size_t i = 0; i < kBatch; ++i) {
      parts[i] = {&octets[i * octets_each], octets_each};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }
  uint8_t* At(size_t i) { return static_cast<uint8_t*>(parts[i].iov_base); }

  std::vector<uint8_t> octets;
  std::array<iovec, kBatch> parts{};
  std::array<mmsghdr, kBatch> messages{};
};

}  // namespace

int64_t Now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec;
}

AskingSocket::AskingSocket(const sockaddr_in& own, const sockaddr_in& server, size_t window)
    : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), slots_(window) {
  const int octets = 1 << 20;
  setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
  if (bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof(own)) != 0 ||
      connect(fd_, reinterpret_cast<const sockaddr*>(&server), sizeof(server)) != 0) {
    std::perror("socket");
    std::exit(1);
  }
  for (size_t i = 0; i < window; ++i) {
    free_.push_back(static_cast<uint8_t>(i));
  }
}

void AskingSocket::Ask(size_t count, int64_t due, Questions& questions, Tally& tally) {
  static Room room(Questions::kOctets);
  for (size_t i = 0; i < count; ++i) {
    const uint8_t number = free_.back();
    free_.pop_back();
    Slot& slot = slots_[number];
    slot.due = due;
    ++slot.turn;
    room.parts[i].iov_len =
        questions.Write(room.At(i), static_cast<uint16_t>(slot.turn << 8 | number));
  }
  tally.unsent += SendAll(fd_, {room.messages.data(), count});
  tally.sent += count;
}

void AskingSocket::TakeAnswers(Tally& tally) {
  static Room room(1500);
  for (iovec& part : room.parts) {
    part.iov_len = 1500;
  }
  const int count = recvmmsg(fd_, room.messages.data(), kBatch, MSG_DONTWAIT, nullptr);
  const int64_t now = Now();
  for (int i = 0; i < count; ++i) {
    const uint8_t* message = room.At(static_cast<size_t>(i));
    const uint8_t number = message[1];
    if (room.messages[static_cast<size_t>(i)].msg_len < 12 || number >= slots_.size() ||
        slots_[number].due == 0 || slots_[number].turn != message[0]) {
      ++tally.stray;
      continue;
    }
    tally.times.Add(now - slots_[number].due);
    slots_[number].due = 0;
    free_.push_back(number);
    ++tally.completed;
    tally.noerror += (message[3] & 15) == 0 ? 1 : 0;
    tally.no_answer += message[6] == 0 && message[7] == 0 ? 1 : 0;
  }
}

void AskingSocket::GiveUp(int64_t asked_before, Tally& tally) {
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].due != 0 && slots_[i].due < asked_before) {
      slots_[i].due = 0;
      free_.push_back(static_cast<uint8_t>(i));
      ++tally.lost;
    }
  }
}

}  // namespace dnspin::bench
