#include "resolver/name_span.h"

#include "pinning/name.h"
#include "resolver/header.h"

namespace dnspin {
namespace {

constexpr uint8_t kPointerMark = 0xC0;
constexpr uint8_t kLabelOctetsMax = 63;

}  // namespace

size_t PassName(OctetReader& reader, Pointers pointers) {
  OctetReader walker = reader;      // goes where the pointers lead
  size_t part_begin = reader.at();  // falls with every hop, so that the walk ends
  size_t hops = 0;
  size_t length = 0;
  for (;;) {
    const uint8_t octet = walker.U8();
    if (octet >= kPointerMark && pointers == Pointers::kBackward) {
      const size_t target = static_cast<size_t>(octet & ~kPointerMark) << 8 | walker.U8();
      if (!walker.ok() || target < Header::kOctets || target >= part_begin ||
          hops == kPointerHopsMax) {
        return 0;
      }
      reader = hops == 0 ? walker : reader;
      walker.GoBack(target);
      part_begin = target;
      ++hops;
      continue;
    }
    walker.Take(octet);
    length += 1U + octet;
    if (!walker.ok() || octet > kLabelOctetsMax || length > Name::kOctetsMax) {
      return 0;
    }
    if (octet == 0) {
      reader = hops == 0 ? walker : reader;
      return length;
    }
  }
}

}  // namespace dnspin
