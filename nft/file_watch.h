#pragma once
// Knows: when what a path names may have become something else: written in place, replaced by a
// rename, or by another link on the way there. Touches: inotify(7), and the links on the way.

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/descriptor.h"

namespace dnspin {

class FileWatch {
 public:
  static constexpr int kLinksMax = 40;   // as the kernel follows (MAXSYMLINKS)
  static constexpr int kStepsMax = 512;  // names on the way, those in links included

  // `path` is absolute; nothing needs to be there yet.
  static absl::StatusOr<FileWatch> Create(std::string path);

  int fd() const { return inotify_.get(); }

  // Watches what the path names now. To be done before each reading: then no change falls in
  // between.
  void Arm();

  // Takes what has come. True if anything changed since, and also if it was too much to be told.
  bool Drain();

 private:
  FileWatch(Descriptor inotify, std::string path)
      : inotify_(std::move(inotify)), path_(std::move(path)) {}
  bool Concerns(int watch, const std::string& name) const;
  void WatchFolder(const std::string& folder, const std::string& name);
  void WatchFile(const std::string& file);

  Descriptor inotify_;
  std::string path_;
  std::map<int, std::set<std::string>> names_;  // that matter in each folder; of a file: none
};

}  // namespace dnspin
