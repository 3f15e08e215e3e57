#include "tests/unit/dns_bytes.h"

#include <algorithm>

namespace dnspin::bytes {

std::string U16(size_t value) {
  return {static_cast<char>(value >> 8 & 0xFF), static_cast<char>(value & 0xFF)};
}

std::string U32(size_t value) { return U16(value >> 16) + U16(value); }

std::string Zeros(size_t count) { return std::string(count, '\0'); }

std::string N(std::string_view text) {
  std::string wire;
  while (!text.empty()) {
    const std::string_view label = text.substr(0, text.find('.'));
    wire += static_cast<char>(label.size());
    wire += label;
    text.remove_prefix(std::min(label.size() + 1, text.size()));
  }
  return wire + '\0';
}

Name Host(std::string_view text) { return *Name::FromWire(N(text)); }

std::string Pointer(size_t target) { return U16(0xC000 | target); }

std::string V4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  return {static_cast<char>(a), static_cast<char>(b), static_cast<char>(c), static_cast<char>(d)};
}

std::string O(size_t octet) { return std::string(1, static_cast<char>(octet)); }

std::string S(std::string_view text) { return O(text.size()) + std::string(text); }

std::string LyingRecord(std::string_view owner, uint16_t type, std::string_view rdata,
                        size_t length, uint32_t ttl, uint16_t klass) {
  return std::string(owner) + U16(type) + U16(klass) + U32(ttl) + U16(length) + std::string(rdata);
}

std::string ARecord(std::string_view owner, uint16_t type, std::string_view rdata, uint32_t ttl,
                    uint16_t klass) {
  return LyingRecord(owner, type, rdata, rdata.size(), ttl, klass);
}

std::string Opt(std::string_view options, uint32_t ttl, size_t octets, std::string_view owner) {
  return ARecord(owner, 41, options, ttl, static_cast<uint16_t>(octets));
}

std::string Message::Wire() const {
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

}  // namespace dnspin::bytes
