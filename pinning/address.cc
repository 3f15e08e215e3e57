#include "pinning/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace dnspin {
namespace {

template <typename Number>
std::optional<Number> ParseNumber(std::string_view text, Number max) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > max) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::optional<Address> Address::Parse(std::string_view text) {
  const std::string terminated(text);
  if (terminated.find('\0') != std::string::npos || terminated.size() >= INET6_ADDRSTRLEN) {
    return std::nullopt;
  }
  std::array<uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, terminated.c_str(), bytes.data()) == 1) {
    return FromBytes(std::span<const uint8_t>(bytes).first(4));
  }
  if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) {
    return FromBytes(bytes);
  }
  return std::nullopt;
}

std::optional<Address> Address::FromBytes(std::span<const uint8_t> bytes) {
  if (bytes.size() != 4 && bytes.size() != 16) {
    return std::nullopt;
  }
  Address address;
  address.family_ = bytes.size() == 4 ? Family::kIpv4 : Family::kIpv6;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

std::string Address::Text() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (family_ == Family::kIpv6) {
    inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
    return text.data();
  }
  char* end = text.data();  // glibc's inet_ntop() takes ten times as long
  for (const uint8_t octet : bytes()) {
    end = std::to_chars(end, text.data() + text.size(), octet).ptr;
    *end++ = '.';
  }
  return {text.data(), end - 1};
}

std::optional<Prefix> Prefix::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = Address::Parse(text.substr(0, slash));
  if (!address) {
    return std::nullopt;
  }
  const auto bits = static_cast<uint8_t>(address->bytes().size() * 8);
  if (slash == std::string_view::npos) {
    return Prefix{*address, bits};
  }
  const auto length = ParseNumber<uint8_t>(text.substr(slash + 1), bits);
  if (!length) {
    return std::nullopt;
  }
  std::array<uint8_t, 16> masked{};
  const auto bytes = address->bytes();
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int kept = std::clamp(*length - static_cast<int>(i) * 8, 0, 8);
    masked[i] = static_cast<uint8_t>(bytes[i] & (0xFF00U >> kept));
  }
  return Prefix{*Address::FromBytes(std::span<const uint8_t>(masked).first(bytes.size())), *length};
}

bool Prefix::Contains(const Address& other) const {
  if (other.family() != address.family()) {
    return false;
  }
  const auto mine = address.bytes();
  const auto theirs = other.bytes();
  const size_t whole = length / 8;
  if (!std::equal(mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(whole),
                  theirs.begin())) {
    return false;
  }
  const unsigned rest = length % 8;
  return rest == 0 || ((mine[whole] ^ theirs[whole]) & (0xFF00U >> rest) & 0xFFU) == 0;
}

std::string Prefix::Text() const { return address.Text() + "/" + std::to_string(length); }

std::optional<Endpoint> Endpoint::Parse(std::string_view text) {
  std::string_view host = text;
  std::optional<std::string_view> port;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) {
      return std::nullopt;
    }
    host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty()) {
      if (rest.front() != ':') {
        return std::nullopt;
      }
      port = rest.substr(1);
    }
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    port = text.substr(text.find(':') + 1);
    host = text.substr(0, text.find(':'));
  }
  const auto address = Address::Parse(host);
  if (!address || (text.starts_with('[') && address->family() == Family::kIpv4)) {
    return std::nullopt;
  }
  Endpoint endpoint{*address, 53};
  if (port) {
    const auto number = ParseNumber<uint16_t>(*port, 65535);
    if (!number || *number == 0) {
      return std::nullopt;
    }
    endpoint.port = *number;
  }
  return endpoint;
}

std::string Endpoint::Text() const {
  const std::string host =
      address.family() == Family::kIpv6 ? "[" + address.Text() + "]" : address.Text();
  return host + ":" + std::to_string(port);
}

}  // namespace dnspin
