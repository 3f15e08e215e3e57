#include "nft/network_sets.h"

#include <fmt/format.h>

#include <vector>

namespace dnspin {
namespace {

constexpr std::string_view kNetworkSets = "addresses-";

}  // namespace

std::string NetworkSetName(std::string_view path) {
  return fmt::format("{}{}", kNetworkSets, path);
}

bool IsNetworkSet(std::string_view name) { return name.starts_with(kNetworkSets); }

NetworkLists Without(const NetworkLists& some, const NetworkLists& others) {
  NetworkLists left = some;
  std::erase_if(left, [&](const auto& list) {
    const auto other = others.find(list.first);
    return other != others.end() && *other->second == *list.second;
  });
  return left;
}

void PutNetworkSet(CommandText& commands, const NetworkList& list) {
  const std::string name = NetworkSetName(list.path);
  std::vector<std::string> elements;
  for (const AddressRange& range : list.ranges) {
    if (range.first.family() == commands.family()) {
      elements.push_back(range.first == range.last
                             ? range.first.Text()
                             : fmt::format("{}-{}", range.first.Text(), range.last.Text()));
    }
  }
  commands.Put("add set", fmt::format("{} {{ type {}; flags interval; comment \"{}\"; }}", name,
                                      commands.key_type(), kOwnComment));
  commands.Put("flush set", name);
  PutElements(commands, "add element", name, elements);
}

}  // namespace dnspin
