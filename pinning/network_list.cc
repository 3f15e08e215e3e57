#include "pinning/network_list.h"

#include <algorithm>
#include <array>
#include <optional>

namespace dnspin {
namespace {

Address LastOf(const Prefix& network) {
  std::array<uint8_t, 16> octets{};
  const auto first = network.address.bytes();
  for (size_t i = 0; i < first.size(); ++i) {
    const int fixed = std::clamp(network.length - static_cast<int>(i) * 8, 0, 8);
    octets[i] = static_cast<uint8_t>(first[i] | (0xFFU >> fixed));
  }
  return *Address::FromBytes(std::span<const uint8_t>(octets).first(first.size()));
}

// Nothing behind the last address of a family.
std::optional<Address> Next(const Address& address) {
  std::array<uint8_t, 16> octets{};
  const auto bytes = address.bytes();
  std::copy(bytes.begin(), bytes.end(), octets.begin());
  for (size_t i = bytes.size(); i-- > 0;) {
    if (++octets[i] != 0) {
      return Address::FromBytes(std::span<const uint8_t>(octets).first(bytes.size()));
    }
  }
  return std::nullopt;
}

}  // namespace

std::vector<AddressRange> Merged(std::span<const Prefix> networks) {
  std::vector<AddressRange> ranges;
  ranges.reserve(networks.size());
  for (const Prefix& network : networks) {
    ranges.push_back({network.address, LastOf(network)});
  }
  std::sort(ranges.begin(), ranges.end());
  std::vector<AddressRange> merged;
  for (const AddressRange& range : ranges) {
    const bool met = !merged.empty() && merged.back().last.family() == range.first.family() &&
                     (range.first <= merged.back().last || range.first == Next(merged.back().last));
    if (met) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

bool NetworkList::Contains(const Address& address) const {
  const auto behind =
      std::upper_bound(ranges.begin(), ranges.end(), address,
                       [](const Address& a, const AddressRange& range) { return a < range.first; });
  return behind != ranges.begin() && address <= (behind - 1)->last &&
         address.family() == (behind - 1)->last.family();
}

}  // namespace dnspin
