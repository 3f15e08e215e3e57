#pragma once
// Knows: how a configuration file is read, whatever lies at its path. Touches: files, for reading.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace dnspin {

// The octets of a regular file. Anything else there (a directory, a FIFO, a device), more octets
// than `octets_max`, or a file that everyone may write, is refused; NotFoundError if there is none.
absl::StatusOr<std::string> ReadTextFile(const std::string& path, size_t octets_max);

// What differs once a file has other octets, or is another file.
struct FileStamp {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size = 0;
  std::array<int64_t, 2> changed{};  // seconds and nanoseconds: of octets, owner or mode
  bool operator==(const FileStamp&) const = default;
};

// Taken before the file is read. Nothing if it cannot be looked at, or has changed only now: what
// comes next might bear the same stamp.
std::optional<FileStamp> StampOf(const std::string& path, int64_t wall_seconds);

// The names in a folder, sorted, without hidden ones and without what editors and package managers
// leave behind. NotFoundError if there is no folder.
absl::StatusOr<std::vector<std::string>> FilesIn(const std::string& folder);

// The lines of a text, without their ends (LF or CRLF) and without a byte order mark before the
// first.
std::vector<std::string_view> SplitLines(std::string_view text);

}  // namespace dnspin
