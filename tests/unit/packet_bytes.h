#pragma once
// Knows: whole IP packets around a DNS message, octet by octet: the vocabulary of tables about
// them. Touches nothing.

#include <optional>
#include <string>
#include <string_view>

#include "tests/unit/dns_bytes.h"

namespace dnspin::bytes {

inline constexpr uint8_t kUdp = 17;

// The checksum that makes `octets` sound, the slow way: as one long number modulo 65535.
inline unsigned SlowChecksum(std::string_view octets) {
  unsigned rest = 0;
  for (const uint8_t octet : Octets(octets)) {
    rest = (rest * 256 + octet) % 65535;
  }
  return 65535 - (octets.size() % 2 == 0 ? rest : rest * 256 % 65535);
}

inline const std::string kMessage = Message{}.Wire();
inline const std::string kServer6 = U32(0x20010DB8) + Zeros(11) + O(0x53);
inline const std::string kClient6 = U32(0x20010DB8) + Zeros(11) + O(7);
inline const std::string kServer4 = V4(192, 0, 2, 53);
inline const std::string kClient4 = V4(192, 0, 2, 7);

// Fields that are not set are as they have to be.
struct Datagram {
  std::string message = kMessage;
  std::optional<size_t> length = {};
  std::optional<size_t> checksum = {};

  std::string Wire(const std::string& source, const std::string& destination) const {
    const size_t octets = length.value_or(8 + message.size());
    const std::string ports = U16(53) + U16(40007) + U16(octets);
    const std::string pseudo = source + destination + U16(kUdp) + U16(8 + message.size());
    const size_t sum = SlowChecksum(pseudo + ports + U16(0) + message) % 65535;
    return ports + U16(checksum.value_or(sum == 0 ? 65535 : sum)) + message;
  }
};

struct Ipv4 {  // NOLINT(clang-analyzer-optin.performance.Padding): read in this order
  Datagram udp = {};
  std::string options = {};
  std::optional<size_t> words = {};
  std::optional<size_t> total = {};
  std::optional<size_t> checksum = {};
  size_t fragment = 0x4000;
  size_t protocol = kUdp;
  std::string destination = kClient4;

  std::string Wire() const {
    const std::string payload = udp.Wire(kServer4, destination);
    const size_t octets = 20 + options.size();
    const std::string front = O(0x40 + words.value_or(octets / 4)) + O(0xB8) +
                              U16(total.value_or(octets + payload.size())) + U16(77) +
                              U16(fragment) + O(61) + O(protocol);
    const std::string back = kServer4 + destination + options;
    return front + U16(checksum.value_or(SlowChecksum(front + U16(0) + back))) + back + payload;
  }
};

struct Ipv6 {
  Datagram udp = {};
  size_t first = kUdp;
  std::string extensions = {};
  std::optional<size_t> payload = {};

  std::string Wire() const {
    const std::string rest = extensions + udp.Wire(kServer6, kClient6);
    return U32(0x6B812345) + U16(payload.value_or(rest.size())) + O(first) + O(61) + kServer6 +
           kClient6 + rest;
  }
};

inline std::string Options(size_t next) { return O(next) + O(0) + O(1) + O(4) + U32(0); }
inline std::string Routing(size_t next, size_t left) {
  return O(next) + O(2) + O(2) + O(left) + U32(0) + kClient6;
}
inline std::string Fragment(size_t next, size_t offset) {
  return O(next) + O(0) + U16(offset) + U32(9);
}
inline std::string ManyOptions(size_t count) {
  std::string headers;
  for (size_t at = 1; at <= count; ++at) {
    headers += Options(at == count ? kUdp : 60);
  }
  return headers;
}

}  // namespace dnspin::bytes
