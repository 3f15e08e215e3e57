#include "bench/compare/load/datagrams.h"

#include <arpa/inet.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace dnspin::bench {

int NumberOf(const char* text, int least, int most) {
  const std::string_view digits(text);
  int number = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), number);
  if (error != std::errc() || end != digits.end() || number < least || number > most) {
    std::fprintf(stderr, "not a number from %d to %d: %s\n", least, most, text);
    std::exit(2);
  }
  return number;
}

sockaddr_in AddressOf(const char* text, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (inet_pton(AF_INET, text, &address.sin_addr) != 1) {
    std::fprintf(stderr, "not an address: %s\n", text);
    std::exit(2);
  }
  return address;
}

sockaddr_in Further(sockaddr_in first, int by) {
  first.sin_addr.s_addr = htonl(ntohl(first.sin_addr.s_addr) + static_cast<uint32_t>(by));
  return first;
}

int BoundSocket(const sockaddr_in& address) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int octets = 8 << 20;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof(octets)) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
  }
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    std::perror("bind");
    std::exit(1);
  }
  return fd;
}

size_t DatagramBatch::Receive(int socket) {
  for (size_t i = 0; i < batch_; ++i) {
    parts_[i] = {octets_[i].data(), kOctets};
    messages_[i] = {};
    messages_[i].msg_hdr.msg_name = &peers_[i];
    messages_[i].msg_hdr.msg_namelen = sizeof(peers_[i]);
    messages_[i].msg_hdr.msg_iov = &parts_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
  const int count =
      recvmmsg(socket, messages_.data(), static_cast<unsigned>(batch_), MSG_WAITFORONE, nullptr);
  received_ = count < 0 ? 0 : static_cast<size_t>(count);
  if (count < 0 && errno != EINTR) {
    std::perror("recvmmsg");
    std::exit(1);
  }
  for (size_t i = 0; i < received_; ++i) {
    parts_[i].iov_len = messages_[i].msg_len;
  }
  return received_;
}

void DatagramBatch::SendBack(int socket) {
  size_t count = 0;
  for (size_t i = 0; i < received_; ++i) {
    if (parts_[i].iov_len > 0) {
      messages_[count++].msg_hdr = messages_[i].msg_hdr;
    }
  }
  SendAll(socket, {messages_.data(), count});
}

size_t SendAll(int socket, std::span<mmsghdr> messages) {
  size_t refused = 0;
  for (size_t sent = 0; sent < messages.size();) {
    const int count =
        sendmmsg(socket, &messages[sent], static_cast<unsigned>(messages.size() - sent), 0);
    refused += count <= 0 ? 1 : 0;
    sent += count <= 0 ? 1 : static_cast<size_t>(count);
  }
  return refused;
}

}  // namespace dnspin::bench
