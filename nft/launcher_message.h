#pragma once
// Knows: what dnspind asks of its launcher and what it hears back: fixed-size values over one
// SOCK_SEQPACKET pair. Touches nothing.

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <type_traits>

namespace dnspin {

enum class LauncherOp : uint32_t {
  kOpenDoor = 1,  // open client's listening sockets; they stay until kCloseDoor
  kCloseDoor = 2,
  kStartReader = 3,
  kServe = 4,  // hand client's sockets and the channel that comes along to the reader
  kKillReader = 5,
  kServeLog = 6,  // hand the log's socket and the channel that come along to the reader
};

struct LauncherRequest {
  LauncherOp op{};
  uint32_t reader = 0;
  uint32_t client = 0;
  uint32_t port = 0;    // kOpenDoor: the port wished for; 0: any
  uint32_t number = 0;  // of this request; the report on it has the same
};

enum class LauncherEvent : uint32_t {
  kDone = 1,    // a request; `value`: the door's port or the reader's pid
  kFailed = 2,  // a request; `value`: an errno
  kExited = 3,  // a reader ended by itself or was killed; `value`: pid, `status`: as wait(2) has it
};

struct LauncherReport {
  LauncherEvent event{};
  uint32_t reader = 0;
  int32_t value = 0;
  int32_t status = 0;
  uint32_t number = 0;  // of the request that this is about; 0: of one that was malformed
};

// The launcher and dnspind are one binary: the host's own layout will do.
static_assert(sizeof(LauncherRequest) == 20 && std::is_trivially_copyable_v<LauncherRequest>);
static_assert(sizeof(LauncherReport) == 20 && std::is_trivially_copyable_v<LauncherReport>);

template <typename T>
std::string_view BytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

template <typename T>
std::optional<T> ValueOf(std::string_view bytes) {
  if (bytes.size() != sizeof(T)) {
    return std::nullopt;
  }
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

}  // namespace dnspin
