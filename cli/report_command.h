#pragma once
// Knows: the words behind `dnspin report`. Touches: the log (cli/journal_source.h), stdout, stderr.

#include <string>
#include <vector>

namespace dnspin {

// `CLIENT [--since 1h] [--journal FILE]`: the page goes to stdout. Returns the exit status: 0 done,
// 2 usage, 3 the log could not be read.
int RunReport(const std::vector<std::string>& words);

}  // namespace dnspin
