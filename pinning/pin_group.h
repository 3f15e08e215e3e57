#pragma once
// Knows: which rules of a client share a set. Neighbouring host rules that agree in action,
// protocol and ports are one group; a group keeps its number, and so its set, as long as it lives.

#include <cstdint>
#include <span>
#include <vector>

#include "pinning/rule.h"

namespace dnspin {

struct PinGroup {
  uint32_t number = 0;  // N of the set `pin-ADDRESS-N` or `drop-ADDRESS-N`, from 1
  Action action = Action::kAccept;
  Service service;
  uint32_t occurrence = 0;      // the how-manieth group of this action and service, from 0
  std::vector<uint32_t> rules;  // positions, ascending
  bool operator==(const PinGroup&) const = default;
};

// The groups of `rules`, in order; a group that was in `before` keeps its number, new ones take the
// smallest that none of `before` has. Only rules that pin or drop addresses (Rule::PinsNames,
// Rule::DropsAddresses): also behind where the chain is closed, so that their pins outlive that.
std::vector<PinGroup> GroupsOf(std::span<const Rule> rules, std::span<const PinGroup> before);

// One of the two.
struct ChainStep {
  const PinGroup* group = nullptr;
  const Rule* rule = nullptr;
};

// What stands in a client's chain, in order: each group where the first of its rules stands, and
// between them the rules without a host.
std::vector<ChainStep> ChainSteps(std::span<const Rule> rules, std::span<const PinGroup> groups);

}  // namespace dnspin
