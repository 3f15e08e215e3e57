#pragma once
// Knows: which host patterns a line of a tinyproxy filter stands for: a POSIX regular expression
// that is looked for anywhere in a host. Touches nothing.

#include <string>
#include <string_view>
#include <vector>

namespace dnspin {

struct TinyproxyPattern {
  std::vector<std::string> hosts;  // as our rules spell them
  std::string note;                // how they differ, if they do
};

// `line` without blanks and comment. One pattern for each of its alternatives.
std::vector<TinyproxyPattern> ReadTinyproxyPatterns(std::string_view line);

}  // namespace dnspin
