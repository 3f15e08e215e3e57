#pragma once
// Knows: how the commands are told to the shells that complete them. Touches nothing.

#include <optional>
#include <string>
#include <string_view>

namespace dnspin {

// The script for bash, zsh or fish; nothing for another shell.
std::optional<std::string> CompletionScript(std::string_view shell);

}  // namespace dnspin
