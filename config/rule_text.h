#pragma once
// Knows: the grammar of one rule, Qubes OS's own (qvm-firewall) with the host patterns of
// design.md 3. Touches nothing.

#include <optional>
#include <span>
#include <string_view>

#include "config/diagnostic.h"
#include "config/host_text.h"
#include "pinning/rule.h"

namespace dnspin {

// What a line begins with that accepts all that a file of addresses names.
inline constexpr std::string_view kAddressesFile = "addresses-file";
inline constexpr size_t kAddressesPathOctetsMax = 200;  // the name of a set holds it

// The rule that `line` spells: `action [host [proto [ports|icmptype]]]`, `key=value`, or both,
// where a word without `=` is the first of these that is not given yet; or a host alone, which is
// accepted. Nothing for a line without a word, and nothing after an error. Any octets may come.
//
// `statements` are the other first words that a line here could begin with, for suggestions. If
// kAddressesFile is among them, `addresses-file PATH [proto [ports|icmptype]]` is a rule as well.
std::optional<Rule> ReadRule(std::string_view line, Author author, LineReport& report,
                             std::span<const std::string_view> statements = {});

}  // namespace dnspin
