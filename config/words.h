#pragma once
// Knows: how a line of a client file or profile falls into words. Touches nothing.

#include <string_view>
#include <vector>

namespace dnspin {

// The words of `line`, parts of it, in order: between blanks and tabs, up to a `#` that begins a
// word. One that begins with `comment=` goes on to its closing quote, or without a quote to the
// end.
std::vector<std::string_view> SplitWords(std::string_view line);

inline constexpr std::string_view kCommentKey = "comment=";

}  // namespace dnspin
