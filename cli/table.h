#pragma once
// Knows: how rows look to a person. Touches nothing.

#include <string>
#include <vector>

namespace dnspin {

// The first row is the head. Columns are as wide as their widest cell.
std::string TableText(const std::vector<std::vector<std::string>>& rows);

}  // namespace dnspin
