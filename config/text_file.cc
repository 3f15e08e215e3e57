#include "config/text_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

namespace dnspin {
namespace {

constexpr size_t kFilesMax = 10'000;  // in one folder

struct FileClose {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, FileClose>;

std::string KindOf(const struct stat& status) {
  return S_ISDIR(status.st_mode)    ? "a folder"
         : S_ISFIFO(status.st_mode) ? "a FIFO"
         : S_ISSOCK(status.st_mode) ? "a socket"
                                    : "a device";
}

absl::Status Judge(const struct stat& status, size_t octets_max) {
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(fmt::format("not a file but {}", KindOf(status)));
  }
  if ((status.st_mode & S_IWOTH) != 0) {
    return absl::PermissionDeniedError("everyone may write this file: chmod o-w");
  }
  if (static_cast<uint64_t>(status.st_size) > octets_max) {
    return absl::OutOfRangeError(fmt::format("file over {} octets", octets_max));
  }
  return absl::OkStatus();
}

bool IsLeftBehind(std::string_view name) {
  constexpr std::array<std::string_view, 6> kEndings{"~",       ".bak",     ".orig",
                                                     ".rpmnew", ".rpmsave", ".rpmorig"};
  return name.starts_with('.') || name.find(".dpkg-") != std::string_view::npos ||
         std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view ending) { return name.ends_with(ending); });
}

}  // namespace

absl::StatusOr<std::string> ReadTextFile(const std::string& path, size_t octets_max) {
  // Not blocking, so that a FIFO is told from a file rather than waited for.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    return absl::ErrnoToStatus(errno, "cannot open");
  }
  const File file(::fdopen(fd, "re"));
  if (!file) {
    const int error = errno;
    ::close(fd);  // nobody has taken it
    return absl::ErrnoToStatus(error, "cannot look at");
  }
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    return absl::ErrnoToStatus(errno, "cannot look at");
  }
  if (auto judged = Judge(status, octets_max); !judged.ok()) {
    return judged;
  }
  // It may grow while it is read: one octet more than allowed is asked for.
  std::string text(std::min(static_cast<size_t>(status.st_size), octets_max) + 1, '\0');
  size_t got = 0;
  while (true) {
    got += std::fread(text.data() + got, 1, text.size() - got, file.get());
    if (got < text.size() || got > octets_max) {
      break;
    }
    text.resize(std::min(2 * text.size(), octets_max + 1));
  }
  if (std::ferror(file.get()) != 0) {
    return absl::ErrnoToStatus(errno, "cannot read");
  }
  if (got > octets_max) {
    return absl::OutOfRangeError(fmt::format("file over {} octets", octets_max));
  }
  text.resize(got);
  return text;
}

std::optional<FileStamp> StampOf(const std::string& path, int64_t wall_seconds) {
  constexpr int64_t kSettledAfter = 3;  // seconds: more than the clock of any filesystem is coarse
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || wall_seconds - status.st_ctim.tv_sec < kSettledAfter) {
    return std::nullopt;
  }
  return FileStamp{status.st_dev,
                   status.st_ino,
                   status.st_size,
                   {status.st_ctim.tv_sec, status.st_ctim.tv_nsec}};
}

absl::StatusOr<std::vector<std::string>> FilesIn(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (IsLeftBehind(name)) {
      continue;
    }
    if (names.size() == kFilesMax) {
      return absl::OutOfRangeError(fmt::format("more than {} files", kFilesMax));
    }
    names.push_back(std::move(name));
  }
  if (error) {
    return absl::ErrnoToStatus(error.value(), "cannot list");
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string_view> SplitLines(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace dnspin
