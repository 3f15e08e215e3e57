#pragma once
// Knows: the rules of the house that a compiler does not check: who may include whom, one door for
// each C library, size and names of files. Touches the source files below the folder it is given.

#include <filesystem>
#include <string>
#include <vector>

namespace dnspin {

struct HouseReport {
  size_t files_read = 0;
  std::vector<std::string> findings;  // "FILE:LINE: what is wrong"
};

HouseReport InspectHouse(const std::filesystem::path& root);

}  // namespace dnspin
