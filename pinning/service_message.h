#pragma once
// Knows: what the launcher tells a resolver process on its service socket (SOCK_SEQPACKET,
// descriptor 3): which clients it serves, with what sockets. Fixed size, little-endian. Touches
// nothing.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace dnspin {

inline constexpr size_t kServeClientOctets = 6;
inline constexpr size_t kServeClientDescriptorsMax = 5;

// Serve this client from now on. With it come, in this order and without gaps, those of its four
// sockets that exist (bound, listening, non-blocking), and then its channel to dnspind. A client
// ends when its channel is closed; the process ends when the service socket is.
struct ServeClient {
  uint32_t client = 0;
  bool udp4 = false;
  bool udp6 = false;
  bool tcp4 = false;
  bool tcp6 = false;

  size_t DescriptorCount() const {
    return static_cast<size_t>(udp4) + static_cast<size_t>(udp6) + static_cast<size_t>(tcp4) +
           static_cast<size_t>(tcp6) + 1;
  }
  bool operator==(const ServeClient&) const = default;
};

std::string Encode(const ServeClient& message);

// The whole span is one message, or it is an error that says what is wrong with it.
absl::StatusOr<ServeClient> DecodeServeClient(std::span<const uint8_t> bytes);

}  // namespace dnspin
