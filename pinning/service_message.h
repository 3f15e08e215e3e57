#pragma once
// Knows: what a reader (dnspin-resolver) is told on its service socket: whom to serve from now on,
// or what to read.// Fixed size, little-endian; the descriptors come along. Touches nothing.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

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

// With it come the socket of the firewall's log and a channel to say what is in it.
struct ServeLog {
  bool operator==(const ServeLog&) const = default;
};

using ServiceMessage = std::variant<ServeClient, ServeLog>;

std::string Encode(const ServiceMessage& message);
std::optional<ServiceMessage> DecodeServiceMessage(std::span<const uint8_t> bytes);

}  // namespace dnspin
