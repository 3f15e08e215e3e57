#include "pinning/service_message.h"

namespace dnspin {
namespace {

constexpr uint8_t kServe = 1;
constexpr uint8_t kUdp4 = 1, kUdp6 = 2, kTcp4 = 4, kTcp6 = 8, kAll = 15;

}  // namespace

std::string Encode(const ServeClient& message) {
  std::string bytes(1, static_cast<char>(kServe));
  for (unsigned shift = 0; shift < 32; shift += 8) {
    bytes += static_cast<char>(message.client >> shift);
  }
  bytes += static_cast<char>((message.udp4 ? kUdp4 : 0) | (message.udp6 ? kUdp6 : 0) |
                             (message.tcp4 ? kTcp4 : 0) | (message.tcp6 ? kTcp6 : 0));
  return bytes;
}

absl::StatusOr<ServeClient> DecodeServeClient(std::span<const uint8_t> bytes) {
  if (bytes.size() != kServeClientOctets || bytes[0] != kServe) {
    return absl::InvalidArgumentError("malformed service message: wrong shape");
  }
  ServeClient message;
  for (unsigned i = 0; i < 4; ++i) {
    message.client |= static_cast<uint32_t>(bytes[1 + i]) << (8 * i);
  }
  const uint8_t sockets = bytes[5];
  if (sockets == 0 || (sockets & ~kAll) != 0) {
    return absl::InvalidArgumentError("malformed service message: which sockets");
  }
  message.udp4 = (sockets & kUdp4) != 0;
  message.udp6 = (sockets & kUdp6) != 0;
  message.tcp4 = (sockets & kTcp4) != 0;
  message.tcp6 = (sockets & kTcp6) != 0;
  return message;
}

}  // namespace dnspin
