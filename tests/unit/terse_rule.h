#pragma once
// Knows: rules as tables of stories write them, `accept .cdn.test tcp 443`. It trusts its reader:
// what is wrong is a bug of the table. Touches nothing.

#include <string>
#include <vector>

#include "pinning/rule.h"

namespace dnspin {

HostPattern TersePattern(const std::string& word);

// Words behind the action: tcp, udp, icmp (and its type), dns (the special target), a prefix with
// its length, `@` and prefixes with commas between (a file of addresses), ports, else a host
// pattern.
Rule TerseRule(const std::string& line);

std::vector<Rule> TerseRules(const std::vector<std::string>& lines);

}  // namespace dnspin
