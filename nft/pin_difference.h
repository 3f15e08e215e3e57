#pragma once
// Knows: what has to be said to the kernel so that its pin sets hold what they are to hold, and no
// more. Arithmetic.

#include <set>
#include <span>
#include <string>
#include <vector>

#include "nft/command_text.h"
#include "nft/set_reader.h"
#include "pinning/pin.h"

namespace dnspin {

struct PinDifference {
  std::vector<GonePin> eternal;   // without a timeout: to be deleted before anything is put
  std::vector<GonePin> gone;      // not wanted
  std::vector<PinElement> added;  // not there, or with another comment or another life
};

// Between `wanted` and what is `there`, of one family. Sets that are not `staying` are new, and
// empty.
PinDifference DifferenceOf(Family family, std::span<const PinElement> wanted,
                           std::span<const KernelPin> there, const std::set<std::string>& staying);

void PutDifference(CommandText& commands, const PinDifference& difference, RefreshWay way);

}  // namespace dnspin
