#pragma once
// Knows: which fields the RDATA of each known type is made of, and where names hide in it. Touches
// nothing.

#include <cstdint>
#include <optional>
#include <span>

namespace dnspin {

struct RdataMeasure {
  size_t plain_octets = 0;  // how long it is once the names in it are uncompressed
  size_t strings = 0;       // how many a type like TXT holds
  bool names = false;
  size_t hops = 0;  // how many pointers those names are made of
};

// The RDATA begins at `at` and ends where `message` does, which begins with the message's header.
// Nothing unless the type's fields fill it to its last octet.
std::optional<RdataMeasure> MeasureRdata(std::span<const uint8_t> message, size_t at,
                                         uint16_t type);

}  // namespace dnspin
