// `dnspin refresh`: becomes the program that fetches, which is beside dnspind and not in here:
// nothing that speaks with dnspind speaks with the internet.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "cli/commands.h"

namespace dnspin {
namespace {

// Of this program's own place: PREFIX/bin/dnspin and PREFIX/libexec/dnspin/dnspin-refresh.
absl::StatusOr<std::string> Fetcher() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) {
    return absl::InternalError("where is this program? " + error.message());
  }
  return (self.parent_path().parent_path() / "libexec/dnspin/dnspin-refresh").string();
}

}  // namespace

Shown RunRefresh(const Call& call) {
  const auto fetcher = Fetcher();
  if (!fetcher.ok()) {
    return fetcher.status();
  }
  const std::string profile = call.Argument(0);
  const std::array<const char*, 5> words = {fetcher->c_str(), call.json ? "--json" : "--text", "--",
                                            profile.c_str(), nullptr};
  execv(words[0], const_cast<char* const*>(words.data()));  // which changes none of them
  return absl::ErrnoToStatus(errno, *fetcher);
}

}  // namespace dnspin
