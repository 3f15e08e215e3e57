#pragma once
// Knows: SOCK_SEQPACKET pairs that carry messages and descriptors, and sealed memfds. Touches:
// those.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/descriptor.h"

namespace dnspin {

absl::StatusOr<std::pair<Descriptor, Descriptor>> PacketPair();  // non-blocking, close-on-exec

// From now on the kernel refuses descriptors on their way to `fd`: a peer can send one whose close
// blocks us for minutes (a TCP socket that lingers), and it is closed here even if nobody took it.
// False on a kernel before 6.16, which does not know how.
bool RefuseDescriptors(int fd);

// Sends one whole message, with descriptors if any. kUnavailable if the peer's queue is full.
absl::Status SendPacket(int fd, std::string_view message, std::span<const int> descriptors = {});

struct Packet {
  std::string bytes;
  std::vector<Descriptor> descriptors;  // close-on-exec
  bool truncated = false;  // it was longer than `octets_max`, or brought too many descriptors
};

// One message. Nothing if there is none now; an error, kOutOfRange, if the peer has closed.
absl::StatusOr<std::optional<Packet>> ReceivePacket(int fd, size_t octets_max,
                                                    size_t descriptors_max = 0);

absl::StatusOr<Descriptor> SealedMemory(std::string_view contents);

// The contents of a memfd that carries all four seals (so it cannot change under the reader).
absl::StatusOr<std::string> ReadSealedMemory(int fd, size_t octets_max);

}  // namespace dnspin
