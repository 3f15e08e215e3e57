#pragma once
// Knows: how a test or a benchmark gets a folder of its own. Touches: that folder, in TMPDIR; it is
// gone when this goes.

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "pinning/check.h"

namespace dnspin {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = std::filesystem::temp_directory_path() / "dnspin-";
    name.append(6, 'X');  // which mkdtemp replaces
    DNSPIN_CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = std::filesystem::canonical(name);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  // The folders on the way to `name` are made.
  void Write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace dnspin
