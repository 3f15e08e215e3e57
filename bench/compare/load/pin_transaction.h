#pragma once
// Knows: how addresses become elements of a set, by the fewest octets. Touches: netlink.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dnspin::bench {

// One transaction: Begin(), Add() for each, Commit(), which waits for the acknowledgement.
class PinTransaction {
 public:
  PinTransaction(std::string_view table, std::string_view set, uint32_t seconds);
  void Begin();
  void Add(uint32_t address);  // as on the wire
  void Commit();               // ends the program where the kernel refuses

 private:
  void Put(const void* octets, size_t count);
  size_t Attribute(uint16_t type, const void* octets, size_t count);  // returns where it begins
  void EndAttribute(size_t at);
  size_t Message(int type, int flags, int family, uint16_t resource);
  void EndMessage(size_t at);

  std::string_view table_, set_;
  uint64_t life_;
  int socket_;
  uint32_t sequence_ = 1;
  size_t message_ = 0, list_ = 0, size_ = 0;
  std::array<uint8_t, 1 << 16> octets_{};
};

}  // namespace dnspin::bench
