#pragma once
// Knows: when what some paths name may have become something else: written in place, replaced by a
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

  // `paths` are absolute; nothing needs to be there yet.
  static absl::StatusOr<FileWatch> Create(std::vector<std::string> paths);

  int fd() const { return inotify_.get(); }

  // Watches what the paths name now. To be done before each reading: then no change falls in
  // between.
  void Arm();

  // These paths from now on. False if they are as before; else what they name is to be read again.
  bool Follow(std::vector<std::string> paths);

  // Takes what has come. True if anything changed since, and also if it was too much to be told.
  bool Drain();

 private:
  FileWatch(Descriptor inotify, std::vector<std::string> paths)
      : inotify_(std::move(inotify)), paths_(std::move(paths)) {}
  bool Concerns(int watch, const std::string& name) const;
  void ArmPath(const std::string& path);
  void WatchFolder(const std::string& folder, const std::string& name);
  void WatchFile(const std::string& file);

  Descriptor inotify_;
  std::vector<std::string> paths_;
  std::map<int, std::set<std::string>> names_;  // that matter in each folder; of a file: none
};

}  // namespace dnspin
