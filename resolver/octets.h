#pragma once
// Knows: network-order integers in bytes that must not be overrun. Touches nothing.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace dnspin {

// Reads forward. The first step past the end fails the reader for good, and everything read after
// that is zero or empty: a caller may read several fields and ask ok() once.
class OctetReader {
 public:
  explicit OctetReader(std::span<const uint8_t> octets, size_t at = 0)
      : octets_(octets), at_(at), ok_(at <= octets.size()) {}

  bool ok() const { return ok_; }
  bool AtEnd() const { return ok_ && at_ == octets_.size(); }
  size_t at() const { return at_; }
  size_t left() const { return ok_ ? octets_.size() - at_ : 0; }

  std::span<const uint8_t> Take(size_t count) {
    if (!ok_ || count > left()) {
      ok_ = false;
      return {};
    }
    at_ += count;
    return octets_.subspan(at_ - count, count);
  }
  std::span<const uint8_t> TakeRest() { return Take(left()); }

  // A reader of the same bytes, begun at `at`, for which they end at `end`.
  OctetReader Before(size_t end, size_t at) const { return OctetReader(octets_.first(end), at); }

  uint8_t U8() { return static_cast<uint8_t>(Integer(1)); }
  uint16_t U16() { return static_cast<uint16_t>(Integer(2)); }
  uint32_t U32() { return Integer(4); }

 private:
  uint32_t Integer(size_t octets) {
    uint32_t value = 0;
    for (const uint8_t octet : Take(octets)) {
      value = value << 8 | octet;
    }
    return value;
  }

  std::span<const uint8_t> octets_;
  size_t at_;
  bool ok_;
};

inline void AppendU16(std::string& out, size_t value) {
  out += static_cast<char>(value >> 8 & 0xFF);
  out += static_cast<char>(value & 0xFF);
}

inline void AppendU32(std::string& out, uint32_t value) {
  AppendU16(out, value >> 16);
  AppendU16(out, value & 0xFFFF);
}

inline std::string_view AsText(std::span<const uint8_t> octets) {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

inline std::span<const uint8_t> AsOctets(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace dnspin
