#pragma once
// Knows: which of dom0's targets are in force, and dom0 not told of yet.
// Touches: the source of rules, which may take nothing for a while.

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "pinning/rule_source.h"

namespace dnspin {

class HandledTargets {
 public:
  // It outlives this.
  explicit HandledTargets(RuleSource& source) : source_(source) {}

  // dom0 has said that these are written, each that often.
  void Take(const std::map<std::string, uint32_t>& told);
  // What was taken is in force now, but for the targets of which `waits` is true.
  void InForce(const std::function<bool(const std::string& target)>& waits);
  // Counts on, in QubesDB, what is in force; what it does not take now waits for the next call.
  void Write();

 private:
  RuleSource& source_;
  uint64_t connection_ = 0;
  // How often, by target:
  std::map<std::string, uint32_t> told_;
  std::map<std::string, uint32_t> in_force_;
};

}  // namespace dnspin
