#include "nft/file_watch.h"

#include <limits.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

namespace dnspin {
namespace {

constexpr uint32_t kFolderEvents = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                   IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR;
constexpr uint32_t kFileEvents =
    IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr int kReadsPerDrain = 256;

// The names of a path, the last one first.
std::vector<std::string> NamesOf(const std::string& path) {
  std::vector<std::string> names;
  for (size_t end = path.size(); end > 0;) {
    const size_t slash = path.rfind('/', end - 1);
    const size_t from = slash == std::string::npos ? 0 : slash + 1;
    if (from < end && path.compare(from, end - from, ".") != 0) {
      names.push_back(path.substr(from, end - from));
    }
    end = slash == std::string::npos ? 0 : slash;
  }
  return names;
}

std::optional<std::string> TargetOf(const std::string& link) {
  std::array<char, PATH_MAX> target{};
  const ssize_t octets = readlink(link.c_str(), target.data(), target.size());
  return octets > 0 && static_cast<size_t>(octets) < target.size()
             ? std::optional(std::string(target.data(), static_cast<size_t>(octets)))
             : std::nullopt;
}

}  // namespace

absl::StatusOr<FileWatch> FileWatch::Create(std::vector<std::string> paths) {
  Descriptor inotify(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify.valid()) {
    return absl::ErrnoToStatus(errno, "inotify_init1");
  }
  FileWatch watch(std::move(inotify), std::move(paths));
  watch.Arm();
  return watch;
}

// What may not be watched is not: then a change of it is not seen, but those of the others are.
void FileWatch::WatchFolder(const std::string& folder, const std::string& name) {
  const int watch = inotify_add_watch(inotify_.get(), folder.c_str(), kFolderEvents);
  if (watch >= 0) {
    names_[watch].insert(name);
  }
}

// A file that is mounted over another is not the one that its folder shows: it is watched itself.
void FileWatch::WatchFile(const std::string& file) {
  const int watch = inotify_add_watch(inotify_.get(), file.c_str(), kFileEvents);
  if (watch >= 0) {
    names_.try_emplace(watch);
  }
}

// Walks as the kernel does, name by name. Each folder is watched before it is looked into, so that
// no change falls in between. Where a name is missing the walk ends: its folder is watched.
void FileWatch::ArmPath(const std::string& path) {
  std::string folder = "/";
  std::vector<std::string> ahead = NamesOf(path);
  int links = 0;
  for (int steps = 0; !ahead.empty() && steps < kStepsMax; ++steps) {
    const std::string name = ahead.back();
    ahead.pop_back();
    if (name == "..") {  // no link is left in `folder`
      folder.resize(std::max<size_t>(folder.rfind('/', folder.size() - 2) + 1, 1));
      continue;
    }
    WatchFolder(folder, name);
    const std::string place = folder + name;
    struct stat status {};
    if (lstat(place.c_str(), &status) < 0) {
      break;
    }
    if (S_ISLNK(status.st_mode)) {
      const auto target = TargetOf(place);
      if (!target || ++links > kLinksMax) {
        break;
      }
      const std::vector<std::string> names = NamesOf(*target);
      ahead.insert(ahead.end(), names.begin(), names.end());
      folder = target->front() == '/' ? "/" : folder;
    } else if (S_ISDIR(status.st_mode)) {
      folder = place + "/";
    } else {
      WatchFile(place);
      break;
    }
  }
}

void FileWatch::Arm() {
  const auto before = std::exchange(names_, {});
  for (const std::string& path : paths_) {
    ArmPath(path);
  }
  for (const auto& [watch, names] : before) {
    if (!names_.contains(watch)) {
      inotify_rm_watch(inotify_.get(), watch);  // the kernel may have ended it already
    }
  }
}

bool FileWatch::Follow(std::vector<std::string> paths) {
  if (paths == paths_) {
    return false;
  }
  paths_ = std::move(paths);
  Arm();
  return true;
}

bool FileWatch::Concerns(int watch, const std::string& name) const {
  const auto found = names_.find(watch);
  return found != names_.end() && (name.empty() || found->second.contains(name));
}

bool FileWatch::Drain() {
  alignas(inotify_event) std::array<char, 16384> buffer;
  bool changed = false;
  for (int i = 0; i < kReadsPerDrain; ++i) {
    const ssize_t octets = read(inotify_.get(), buffer.data(), buffer.size());
    if (octets <= 0) {
      break;
    }
    for (size_t at = 0; at < static_cast<size_t>(octets);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof(event));
      const std::string name(event.len == 0 ? "" : buffer.data() + at + sizeof(event));
      at += sizeof(event) + event.len;
      changed = changed || (event.mask & IN_Q_OVERFLOW) != 0 ||
                ((event.mask & IN_IGNORED) == 0 && Concerns(event.wd, name));
    }
  }
  return changed;
}

}  // namespace dnspin
