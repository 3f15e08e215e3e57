#include "config/qubesdb_message.h"

#include <algorithm>
#include <cstring>

#include "pinning/check.h"

namespace dnspin::qubesdb {
namespace {

// struct qdb_hdr. Written out: its padding is on the wire.
constexpr size_t kTypeAt = 0;
constexpr size_t kPathAt = 1;
constexpr size_t kPathOctets = 64;
constexpr size_t kLengthAt = 68;
constexpr size_t kHeaderOctets = 72;

bool MayBeInPath(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-/.:@").find(c) != std::string_view::npos;
}

absl::Status NoMessage(std::string_view what) {
  return absl::InvalidArgumentError("QubesDB says what is no message: " + std::string(what));
}

}  // namespace

bool IsPath(std::string_view path) {
  return path.starts_with('/') && path.size() <= kPathOctetsMax &&
         std::all_of(path.begin(), path.end(), MayBeInPath);
}

std::string Encode(const Message& message) {
  DNSPIN_CHECK(IsPath(message.path) && message.data.size() <= kValueOctetsMax &&
               message.data.find('\0') == std::string::npos);
  std::string octets(kHeaderOctets, '\0');
  octets[kTypeAt] = static_cast<char>(message.type);
  message.path.copy(octets.data() + kPathAt, kPathOctetsMax);
  const auto length = static_cast<uint32_t>(message.data.size());
  std::memcpy(octets.data() + kLengthAt, &length, sizeof(length));
  return octets + message.data;
}

void Decoder::Take(std::string_view octets) {
  buffer_.erase(0, at_);
  at_ = 0;
  buffer_ += octets;
}

absl::StatusOr<std::optional<Message>> Decoder::Next() {
  const std::string_view left = std::string_view(buffer_).substr(at_);
  if (left.size() < kHeaderOctets) {
    return std::nullopt;
  }
  Message message;
  const auto type = static_cast<uint8_t>(left[kTypeAt]);
  if (type < static_cast<uint8_t>(Type::kOk) || type > static_cast<uint8_t>(Type::kWatchFired)) {
    return NoMessage("its type is no answer's");
  }
  message.type = static_cast<Type>(type);
  const std::string_view field = left.substr(kPathAt, kPathOctets);
  const size_t path_octets = field.find('\0');
  message.path = field.substr(0, path_octets);
  if (path_octets == std::string_view::npos || !(message.path.empty() || IsPath(message.path))) {
    return NoMessage("its path is none");
  }
  uint32_t length = 0;
  std::memcpy(&length, left.data() + kLengthAt, sizeof(length));
  if (length > kValueOctetsMax) {
    return NoMessage("its data is too long");
  }
  if (left.size() < kHeaderOctets + length) {
    return std::nullopt;
  }
  message.data = left.substr(kHeaderOctets, length);
  at_ += kHeaderOctets + length;
  return message;
}

}  // namespace dnspin::qubesdb
