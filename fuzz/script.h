#pragma once
// Knows: how a fuzzer's input is read as a sequence of steps: from its front, and when it is over
// everything is zero. Touches nothing.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace dnspin {

class Script {
 public:
  Script(const uint8_t* octets, size_t size) : left_(octets, size) {}

  bool Over() const { return left_.empty(); }
  uint8_t Octet() {
    const auto taken = Octets(1);
    return taken.empty() ? uint8_t{0} : taken.front();
  }
  uint16_t Number() {
    const unsigned high = Octet();
    return static_cast<uint16_t>(high << 8 | Octet());
  }
  // As many as there are.
  std::span<const uint8_t> Octets(size_t count) {
    const auto taken = left_.first(std::min(count, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }
  std::string_view Text(size_t count) {
    const auto taken = Octets(count);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }

 private:
  std::span<const uint8_t> left_;
};

}  // namespace dnspin
