#pragma once
// Knows: which names may stand in nft command text unquoted: interfaces and tables. Touches
// nothing.

#include <span>
#include <string>
#include <string_view>

namespace dnspin {

// `vif*`, `eth0`: letters, digits and ._-, at the end a `*`, 15 octets at most (IFNAMSIZ); what
// else a kernel may call an interface is not for us.
bool IsInterfacePattern(std::string_view text);
bool IsInterfaceName(std::string_view text);  // such a pattern of one
bool MatchesInterface(std::span<const std::string> patterns, std::string_view interface);

// A letter, then letters, digits and _-; 31 octets at most.
bool IsTableName(std::string_view text);

}  // namespace dnspin
