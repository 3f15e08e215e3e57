#pragma once
// Knows: what other rules would have done with what a client asked. Touches nothing.

#include <string>
#include <vector>

#include "cli/record.h"
#include "pinning/rule.h"

namespace dnspin {

struct SimulatedRow {
  enum class Change : uint8_t { kNone, kRefused, kOpened };
  std::string what;  // a name, or where packets went
  std::string now;   // its standing, or open and shut
  std::string then;
  std::string origin;  // of the rule that would decide; may be empty
  Change change = Change::kNone;
};

std::vector<SimulatedRow> Simulate(const RecordedClient& record, const std::vector<Rule>& rules);

}  // namespace dnspin
