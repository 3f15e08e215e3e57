#pragma once
// Knows: addresses as the socket calls write them. Touches nothing.

#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>

#include "pinning/address.h"

namespace dnspin {

// An Endpoint as a sockaddr; `interface_index` counts for link-local addresses only.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t octets = sizeof(sockaddr_storage);

  SocketAddress() = default;
  explicit SocketAddress(const Endpoint& endpoint, uint32_t interface_index = 0);

  // Nothing for what is neither IPv4 nor IPv6. A mapped address is the IPv4 address it stands for.
  std::optional<Endpoint> Read() const;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address AddressOf(const in_addr& address);
Address AddressOf(const in6_addr& address);

}  // namespace dnspin
