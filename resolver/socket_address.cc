#include "resolver/socket_address.h"

#include <cstring>

namespace dnspin {
namespace {

template <typename T>
Address FromNetwork(const T& address) {
  return *Address::FromBytes({reinterpret_cast<const uint8_t*>(&address), sizeof(T)});
}

}  // namespace

Address AddressOf(const in_addr& address) { return FromNetwork(address); }
Address AddressOf(const in6_addr& address) { return FromNetwork(address); }

SocketAddress::SocketAddress(const Endpoint& endpoint, uint32_t interface_index) {
  const auto bytes = endpoint.address.bytes();
  if (endpoint.address.family() == Family::kIpv4) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    std::memcpy(&address.sin_addr, bytes.data(), bytes.size());
    std::memcpy(&storage, &address, sizeof(address));
    octets = sizeof(address);
    return;
  }
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(endpoint.port);
  std::memcpy(&address.sin6_addr, bytes.data(), bytes.size());
  if (IN6_IS_ADDR_LINKLOCAL(&address.sin6_addr)) {
    address.sin6_scope_id = interface_index;
  }
  std::memcpy(&storage, &address, sizeof(address));
  octets = sizeof(address);
}

std::optional<Endpoint> SocketAddress::Read() const {
  if (storage.ss_family == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, &storage, sizeof(address));
    return Endpoint{AddressOf(address.sin_addr), ntohs(address.sin_port)};
  }
  if (storage.ss_family != AF_INET6) {
    return std::nullopt;
  }
  sockaddr_in6 address{};
  std::memcpy(&address, &storage, sizeof(address));
  const uint16_t port = ntohs(address.sin6_port);
  if (IN6_IS_ADDR_V4MAPPED(&address.sin6_addr)) {
    in_addr inner{};
    std::memcpy(&inner, address.sin6_addr.s6_addr + 12, sizeof(inner));
    return Endpoint{AddressOf(inner), port};
  }
  return Endpoint{AddressOf(address.sin6_addr), port};
}

}  // namespace dnspin
