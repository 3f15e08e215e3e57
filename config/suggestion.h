#pragma once
// Knows: which known word a mistyped one was meant to be. Touches nothing.

#include <span>
#include <string>
#include <string_view>

namespace dnspin {

// The known word nearest to `word`: at most two letters changed, added, left out or swapped (one in
// words of up to three letters). Nothing if none is that near; the first of equals.
std::string NearestWord(std::string_view word, std::span<const std::string_view> known);
std::string NearestWord(std::string_view word, std::span<const std::string> known);

}  // namespace dnspin
