#include "pinning/service_message.h"

#include <algorithm>

namespace dnspin {
namespace {

constexpr uint8_t kServeClient = 1;
constexpr uint8_t kServeLog = 2;
constexpr uint8_t kSocketsMask = 0x0F;

bool AreZero(std::span<const uint8_t> octets) {
  return std::all_of(octets.begin(), octets.end(), [](uint8_t octet) { return octet == 0; });
}

}  // namespace

std::string Encode(const ServiceMessage& message) {
  std::string bytes(kServiceMessageOctets, '\0');
  const auto* const client = std::get_if<ServeClient>(&message);
  bytes[0] = static_cast<char>(client != nullptr ? kServeClient : kServeLog);
  if (client != nullptr) {
    bytes[1] = static_cast<char>(client->sockets);
    for (size_t i = 0; i < 4; ++i) {
      bytes[4 + i] = static_cast<char>(client->client >> (8 * i));
    }
  }
  return bytes;
}

std::optional<ServiceMessage> DecodeServiceMessage(std::span<const uint8_t> bytes) {
  if (bytes.size() != kServiceMessageOctets) {
    return std::nullopt;
  }
  if (bytes[0] == kServeLog && AreZero(bytes.subspan(1))) {
    return ServeLog{};
  }
  if (bytes[0] != kServeClient || (bytes[1] & ~kSocketsMask) != 0 ||
      !AreZero(bytes.subspan(2, 2))) {
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
