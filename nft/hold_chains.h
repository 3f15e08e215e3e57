#pragma once
// Knows: which chains have to be told their queue behind a transaction of text, which drops until
// then what comes by them. Pure.

#include <cstdint>
#include <string>
#include <vector>

#include "nft/ruleset.h"
#include "pinning/address.h"

namespace dnspin {

struct HoldChain {
  Family family = Family::kIpv4;
  std::string chain;
  uint16_t queue = 0;
  bool operator==(const HoldChain&) const = default;
};

std::vector<HoldChain> HoldChainsOf(const Ruleset& ruleset);
std::vector<HoldChain> HoldChainsOf(const RulesetChange& change);  // that are new, or other queues

}  // namespace dnspin
