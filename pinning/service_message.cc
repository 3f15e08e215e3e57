#include "pinning/service_message.h"

namespace dnspin {
namespace {

constexpr uint8_t kServe = 1;
constexpr uint8_t kSocketsMask = 0x0F;

}  // namespace

std::string Encode(const ServeClient& message) {
  std::string bytes(kServiceMessageOctets, '\0');
  bytes[0] = static_cast<char>(kServe);
  bytes[1] = static_cast<char>(message.sockets);
  for (size_t i = 0; i < 4; ++i) {
    bytes[4 + i] = static_cast<char>(message.client >> (8 * i));
  }
  return bytes;
}

std::optional<ServeClient> DecodeServeClient(std::span<const uint8_t> bytes) {
  if (bytes.size() != kServiceMessageOctets || bytes[0] != kServe ||
      (bytes[1] & ~kSocketsMask) != 0 || bytes[2] != 0 || bytes[3] != 0) {
    return std::nullopt;
  }
  ServeClient message;
  message.sockets = bytes[1];
  for (size_t i = 0; i < 4; ++i) {
    message.client |= static_cast<uint32_t>(bytes[4 + i]) << (8 * i);
  }
  return message;
}

}  // namespace dnspin
