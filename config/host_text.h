#pragma once
// Knows: how a rule's destination is spelt: host patterns, addresses and prefixes (design.md 3).
// Touches nothing.

#include <cstdint>
#include <optional>
#include <string_view>

#include "config/diagnostic.h"
#include "pinning/address.h"
#include "pinning/host_pattern.h"

namespace dnspin {

enum class Author : uint8_t {
  kPeople,     // written by people: international names, public suffixes and sense are looked at
  kOurselves,  // our own Rule::Text(), judged when it was first read: spelling alone
};

struct Destination {
  std::optional<HostPattern> host;  // one of the two
  std::optional<Prefix> prefix;
};

// `word` as the value of `dsthost`: a host pattern, an address or a prefix. Nothing after an error.
std::optional<Destination> ReadDestination(std::string_view word, Author author,
                                           LineReport& report);

// `word` as a host pattern and nothing else.
std::optional<HostPattern> ReadHostPattern(std::string_view word, Author author,
                                           LineReport& report);

// `word` as an address or prefix of one family.
std::optional<Prefix> ReadPrefix(std::string_view word, Family family, Author author,
                                 LineReport& report);

}  // namespace dnspin
