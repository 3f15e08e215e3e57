#pragma once
// Knows: IPv4 and IPv6 addresses and prefixes as values. Touches nothing.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace dnspin {

enum class Family : uint8_t { kIpv4 = 4, kIpv6 = 6 };

class Address {
 public:
  Address() = default;  // 0.0.0.0

  static std::optional<Address> Parse(std::string_view text);  // no scope, no brackets, no prefix
  static std::optional<Address> FromBytes(
      std::span<const uint8_t> bytes);  // 4 or 16, network order

  Family family() const { return family_; }
  std::span<const uint8_t> bytes() const {
    return {bytes_.data(), family_ == Family::kIpv4 ? 4U : 16U};
  }
  std::string Text() const;  // RFC 5952

  auto operator<=>(const Address&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const Address& address) {
    return H::combine(std::move(h), address.family_, address.bytes_);
  }

 private:
  Family family_ = Family::kIpv4;
  std::array<uint8_t, 16> bytes_{};  // IPv4: the first four, the rest zero
};

struct Prefix {
  Address address;  // host bits are zero
  uint8_t length = 0;

  // "ADDR" (a full-length prefix) or "ADDR/LENGTH"; host bits are cleared.
  static std::optional<Prefix> Parse(std::string_view text);
  bool Contains(const Address& other) const;
  std::string Text() const;  // always with its length, as Qubes prints it

  auto operator<=>(const Prefix&) const = default;
};

// An address and port that questions are sent to: "ADDR", "ADDR:PORT", "[V6]:PORT"; port 53 if
// none.
struct Endpoint {
  Address address;
  uint16_t port = 53;

  static std::optional<Endpoint> Parse(std::string_view text);
  std::string Text() const;

  auto operator<=>(const Endpoint&) const = default;
};

}  // namespace dnspin
