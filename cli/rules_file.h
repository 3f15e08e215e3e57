#pragma once
// Knows: a client file by itself, with the profiles that it uses. Touches: these files, for
// reading.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "config/diagnostic.h"
#include "pinning/rule.h"

namespace dnspin {

struct RulesFile {
  std::vector<Rule> rules;  // in order, profiles expanded
  std::vector<Diagnostic> said;
};

// What cannot be read is an error; what is wrong in it is said.
absl::StatusOr<RulesFile> ReadRulesFile(const std::string& path);

}  // namespace dnspin
