#pragma once
// Knows: how QubesDB's messages lie in a stream (its include/qubesdb.h): a header of 72 octets in
// the machine's own byte order, then data. Touches nothing.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "pinning/rule_source.h"

namespace dnspin::qubesdb {

inline constexpr size_t kPathOctetsMax = 63;
inline constexpr size_t kValueOctetsMax = kPublishedOctetsMax;

enum class Type : uint8_t {
  kRead = 0,
  kWrite = 1,
  kMultiread = 2,
  kList = 3,
  kRemove = 4,
  kWatch = 5,
  kUnwatch = 6,
  kOk = 7,
  kNoEntry = 8,
  kError = 9,
  kValue = 10,       // the answer to kRead
  kEntry = 11,       // one of the answers to kMultiread; the last has no path
  kName = 12,        // one of the answers to kList; the last has no path
  kWatchFired = 13,  // comes between any others
};

struct Message {
  Type type = Type::kRead;
  std::string path;
  std::string data;
  bool operator==(const Message&) const = default;
};

// True for a path that the server takes in a command: it closes the connection at some others.
bool IsPath(std::string_view path);

// The path and the data must be ones that the server takes.
std::string Encode(const Message& message);

// Cuts a server's stream into messages, however it arrives.
class Decoder {
 public:
  void Take(std::string_view octets);

  // The next whole message, nothing if it is not all there; an error where no server's message
  // begins: the stream is then of no use any more.
  absl::StatusOr<std::optional<Message>> Next();

 private:
  std::string buffer_;
  size_t at_ = 0;  // of what is not cut off yet
};

}  // namespace dnspin::qubesdb
