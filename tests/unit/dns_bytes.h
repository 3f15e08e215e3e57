#pragma once
// Knows: how tests spell DNS messages octet by octet, sound or not. Touches nothing.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pinning/name.h"

namespace dnspin::bytes {

inline std::string U16(size_t value) {
  return {static_cast<char>(value >> 8 & 0xFF), static_cast<char>(value & 0xFF)};
}
inline std::string U32(size_t value) { return U16(value >> 16) + U16(value); }
inline std::string Zeros(size_t count) { return std::string(count, '\0'); }

inline std::span<const uint8_t> Octets(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// "www.Example.com" in wire form, case kept; nothing is checked.
inline std::string N(std::string_view text) {
  std::string wire;
  while (!text.empty()) {
    const std::string_view label = text.substr(0, text.find('.'));
    wire += static_cast<char>(label.size());
    wire += label;
    text.remove_prefix(std::min(label.size() + 1, text.size()));
  }
  return wire + '\0';
}
inline Name Host(std::string_view text) { return *Name::FromWire(N(text)); }

inline std::string Pointer(size_t target) { return U16(0xC000 | target); }
inline const std::string kToQuestion = Pointer(12);

inline std::string V4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  return {static_cast<char>(a), static_cast<char>(b), static_cast<char>(c), static_cast<char>(d)};
}

inline std::string O(size_t octet) { return std::string(1, static_cast<char>(octet)); }

// A character string, as in TXT.
inline std::string S(std::string_view text) { return O(text.size()) + std::string(text); }

// A record whose RDLENGTH says `length`, whatever the truth.
inline std::string LyingRecord(std::string_view owner, uint16_t type, std::string_view rdata,
                               size_t length, uint32_t ttl = 60, uint16_t klass = 1) {
  return std::string(owner) + U16(type) + U16(klass) + U32(ttl) + U16(length) + std::string(rdata);
}
inline std::string ARecord(std::string_view owner, uint16_t type, std::string_view rdata,
                           uint32_t ttl = 60, uint16_t klass = 1) {
  return LyingRecord(owner, type, rdata, rdata.size(), ttl, klass);
}

inline std::string Opt(std::string_view options = "", uint32_t ttl = 0, size_t octets = 1232,
                       std::string_view owner = std::string_view("\0", 1)) {
  return ARecord(owner, 41, options, ttl, static_cast<uint16_t>(octets));
}

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

  std::string Wire() const {
    std::string wire = U16(id) + U16(flags) + U16(questions) + U16(answer.size()) +
                       U16(authority.size()) + U16(additional.size());
    for (size_t i = 0; i < questions; ++i) {
      wire += asked + U16(type) + U16(klass);
    }
    for (const auto* section : {&answer, &authority, &additional}) {
      for (const std::string& record : *section) {
        wire += record;
      }
    }
    return wire + behind;
  }
};

}  // namespace dnspin::bytes
