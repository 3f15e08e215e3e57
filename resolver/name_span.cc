#include "resolver/name_span.h"

#include "pinning/name.h"
#include "resolver/header.h"

namespace dnspin {
namespace {

constexpr uint8_t kPointerMark = 0xC0;
constexpr uint8_t kLabelOctetsMax = 63;

}  // namespace

size_t PassName(OctetReader& reader, Pointers pointers, size_t* hops_passed) {
  OctetReader part = reader;  // what is read of the name right now
  size_t part_begin = reader.at();
  size_t hops = 0;
  size_t length = 0;
  for (;;) {
    const uint8_t octet = part.U8();
    if (octet >= kPointerMark && pointers == Pointers::kBackward) {
      const size_t target = static_cast<size_t>(octet & ~kPointerMark) << 8 | part.U8();
      if (!part.ok() || target < Header::kOctets || hops == kPointerHopsMax) {
        return 0;
      }
      reader = hops == 0 ? part : reader;
      part = reader.Before(part_begin, target);
      part_begin = target;
      ++hops;
      continue;
    }
    part.Take(octet);
    length += 1U + octet;
    if (!part.ok() || octet > kLabelOctetsMax || length > Name::kOctetsMax) {
      return 0;
    }
    if (octet == 0) {
      reader = hops == 0 ? part : reader;
      if (hops_passed != nullptr) {
        *hops_passed += hops;
      }
      return length;
    }
  }
}

}  // namespace dnspin
