#pragma once
// Knows: how a configuration file is read, whatever lies at its path. Touches: files, for reading.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace dnspin {

// The octets of a regular file. Anything else there (a directory, a FIFO, a device), more octets
// than `octets_max`, or a file that everyone may write, is refused; NotFoundError if there is none.
absl::StatusOr<std::string> ReadTextFile(const std::string& path, size_t octets_max);

// The names in a folder, sorted, without hidden ones and without what editors and package managers
// leave behind. NotFoundError if there is no folder.
absl::StatusOr<std::vector<std::string>> FilesIn(const std::string& folder);

// The lines of a text, without their ends (LF or CRLF) and without a byte order mark before the
// first.
std::vector<std::string_view> SplitLines(std::string_view text);

}  // namespace dnspin
