#pragma once
// Knows: many datagrams a system call. Touches: the socket it is given.

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <span>

namespace dnspin::bench {

// A number written as text, within bounds; ends the program otherwise.
int NumberOf(const char* text, int least, int most);
sockaddr_in AddressOf(const char* text, int port);
sockaddr_in Further(sockaddr_in first, int by);  // the address so many behind it
// Ends the program where that cannot be had: it is measured, or it measures.
int BoundSocket(const sockaddr_in& address);

// Datagrams that came in, changed in place, and sent back to who sent them.
class DatagramBatch {
 public:
  static constexpr size_t kMost = 256, kOctets = 1500;

  explicit DatagramBatch(size_t batch) : batch_(batch) {}
  // Waits for the first and takes what else is there. Returns how many.
  size_t Receive(int socket);
  // All of which `Resize` did not make nothing.
  void SendBack(int socket);
  std::span<uint8_t> At(size_t i) { return {octets_[i].data(), parts_[i].iov_len}; }
  uint8_t* Room(size_t i) { return octets_[i].data(); }  // kOctets of it
  void Resize(size_t i, size_t octets) { parts_[i].iov_len = octets; }

 private:
  size_t batch_;
  size_t received_ = 0;
  std::array<std::array<uint8_t, kOctets>, kMost> octets_;
  std::array<sockaddr_in, kMost> peers_;
  std::array<iovec, kMost> parts_;
  std::array<mmsghdr, kMost> messages_;
};

// Sends all of them, as far as the socket takes them; returns how many it refused.
size_t SendAll(int socket, std::span<mmsghdr> messages);

}  // namespace dnspin::bench
