#pragma once
// Knows: how tests spell DNS messages octet by octet, sound or not. Touches nothing.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pinning/name.h"

namespace dnspin::bytes {

std::string U16(size_t value);
std::string U32(size_t value);
std::string Zeros(size_t count);

inline std::span<const uint8_t> Octets(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// "www.Example.com" in wire form, case kept; nothing is checked.
std::string N(std::string_view text);
Name Host(std::string_view text);

std::string Pointer(size_t target);
inline const std::string kToQuestion = Pointer(12);

std::string V4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);

std::string O(size_t octet);

// A character string, as in TXT.
std::string S(std::string_view text);

// A record whose RDLENGTH says `length`, whatever the truth.
std::string LyingRecord(std::string_view owner, uint16_t type, std::string_view rdata,
                        size_t length, uint32_t ttl = 60, uint16_t klass = 1);
std::string ARecord(std::string_view owner, uint16_t type, std::string_view rdata,
                    uint32_t ttl = 60, uint16_t klass = 1);

std::string Opt(std::string_view options = "", uint32_t ttl = 0, size_t octets = 1232,
                std::string_view owner = std::string_view("\0", 1));

struct Message {
  uint16_t id = 0x1234;
  uint16_t flags = 0x8180;
  size_t questions = 1;
  std::string asked = N("www.example.com");
  uint16_t type = 1;
  uint16_t klass = 1;
  std::vector<std::string> answer = {};
  std::vector<std::string> authority = {};
  std::vector<std::string> additional = {};
  std::string behind = {};

  std::string Wire() const;
};

}  // namespace dnspin::bytes
