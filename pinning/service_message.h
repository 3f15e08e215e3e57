#pragma once
// Knows: what a reader (dnspin-resolver) is told on its service socket: whom to serve from now on.
// Fixed size, little-endian; the descriptors come along. Touches nothing.

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace dnspin {

inline constexpr size_t kServiceMessageOctets = 8;
inline constexpr size_t kServiceDescriptorsMax = 5;

// With it come the door's sockets that `sockets` names (bit 0: UDP over IPv4, 1: UDP over IPv6,
// 2: TCP over IPv4, 3: TCP over IPv6), in that order, and last the client's channel.
struct ServeClient {
  uint32_t client = 0;
  uint8_t sockets = 0;
  bool operator==(const ServeClient&) const = default;
};

std::string Encode(const ServeClient& message);
std::optional<ServeClient> DecodeServeClient(std::span<const uint8_t> bytes);

}  // namespace dnspin
