#pragma once
// Knows: how a name lies in a message, compressed or not (RFC 1035 4.1.4). Touches nothing.

#include <cstddef>

#include "resolver/octets.h"

namespace dnspin {

inline constexpr size_t kPointerHopsMax = 126;  // a name of 255 octets has no more labels to share

enum class Pointers {
  kRefused,
  kBackward,  // a part pointed to ends before the part that points begins, and behind the header
};

// Moves `reader`, which spans a message from its first octet, behind the name that begins there.
// The length of that name uncompressed, 1..255; 0 if it is none, and the reader is then of no use.
// Adds the pointers it followed to `hops_passed`.
size_t PassName(OctetReader& reader, Pointers pointers, size_t* hops_passed = nullptr);

}  // namespace dnspin
