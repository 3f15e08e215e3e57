#pragma once
// Knows: the spelling of single values of dnspin.toml. Touches nothing.

#include <chrono>
#include <optional>
#include <string_view>

namespace dnspin {

// "30s", "5m", "1h": a number without sign and one unit; at most 1000 hours.
std::optional<std::chrono::seconds> ReadDuration(std::string_view text);

// [A-Za-z_][A-Za-z0-9._-]{0,31}
bool IsUserName(std::string_view text);
bool IsUid(std::string_view text);  // in digits, and not root's

// An absolute path without `..`, short enough for a socket in it.
bool IsRunDir(std::string_view text);

}  // namespace dnspin
