#include "nft/pin_difference.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"

namespace dnspin {
namespace {

using std::chrono::milliseconds;

// The kernel's clock ticks in jiffies, and a moment passes between looking and comparing.
constexpr milliseconds kSameLife{2000};

bool LivesAlike(const KernelPin& there, const PinElement& wanted) {
  const milliseconds apart = there.left - wanted.life;
  return -kSameLife <= apart && apart <= kSameLife;
}

}  // namespace

PinDifference DifferenceOf(Family family, std::span<const PinElement> wanted,
                           std::span<const KernelPin> there, const std::set<std::string>& staying) {
  using Place = std::pair<std::string, Address>;
  absl::flat_hash_map<Place, const PinElement*> missing;
  for (const PinElement& pin : wanted) {
    if (pin.address.family() == family) {
      missing.emplace(Place(pin.set, pin.address), &pin);
    }
  }
  PinDifference difference;
  absl::flat_hash_set<Place> seen;  // a set that grows is told of with some of its elements twice
  for (const KernelPin& pin : there) {
    if (pin.family != family || !staying.contains(pin.set) ||
        !seen.emplace(pin.set, pin.address).second) {
      continue;
    }
    const bool eternal = pin.left.count() == 0;
    if (eternal) {
      difference.eternal.push_back({pin.set, pin.address});
    }
    const auto found = missing.find(Place(pin.set, pin.address));
    if (found == missing.end()) {
      if (!eternal) {
        difference.gone.push_back({pin.set, pin.address});
      }
      continue;
    }
    const PinElement& wish = *found->second;
    if (!eternal && pin.comment == wish.comment && LivesAlike(pin, wish)) {
      missing.erase(found);
    } else if (!eternal) {
      difference.added.push_back(wish);
      difference.added.back().replace = pin.comment != wish.comment;
      missing.erase(found);
    }
  }
  for (const auto& [place, pin] : missing) {
    difference.added.push_back(*pin);
  }
  return difference;
}

void PutDifference(CommandText& commands, const PinDifference& difference, RefreshWay way) {
  for (const GonePin& pin : difference.eternal) {
    commands.Put("delete element", pin.set + " { " + pin.address.Text() + " }");
  }
  PutGonePins(commands, difference.gone);
  PutPins(commands, difference.added, way);
}

}  // namespace dnspin
