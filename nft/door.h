#pragma once
// Knows: a client's listening sockets, UDP and TCP, IPv4 and IPv6, all on one port: its door.
// Touches: sockets of this network namespace.

#include <array>
#include <cstdint>

#include "absl/status/statusor.h"
#include "io/descriptor.h"

namespace dnspin {

struct Door {
  enum { kUdp4, kUdp6, kTcp4, kTcp6, kCount };
  std::array<Descriptor, kCount> sockets;  // a family that this machine lacks is absent
  uint16_t port = 0;
};

// On `port_wished`; 0: on any port that is free for all four.
absl::StatusOr<Door> OpenDoor(uint16_t port_wished);

}  // namespace dnspin
