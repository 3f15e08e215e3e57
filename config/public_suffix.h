#pragma once
// Knows: the names below which strangers register theirs (the Public Suffix List, by libpsl).
// Touches: the list's file, once, where the distribution keeps a newer one than the library's own.

#include <cstdint>
#include <optional>

#include "pinning/name.h"

namespace dnspin {

enum class Suffix : uint8_t {
  kNone,
  kPrivate,  // github.io: its owner lets anyone put sites below it
  kIcann,    // com, co.uk, and what stands above such a one
};

// Only what the list spells out counts: `test`, `lan` and other names that no registry knows are
// none.
Suffix SuffixKind(const Name& name);

// What one owner has: the label below the longest suffix that `name` ends in, and that suffix. A
// top-level name that is not listed counts as a suffix. Nothing for a suffix itself.
std::optional<Name> RegistrableDomain(const Name& name);

}  // namespace dnspin
