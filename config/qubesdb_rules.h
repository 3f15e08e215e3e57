#pragma once
// Knows: how the entries of a QubesDB firewall target become rules (Qubes' vm-interface
// specification, and what dom0 does). Touches nothing.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/diagnostic.h"
#include "config/qubesdb_mirror.h"
#include "pinning/rule.h"

namespace dnspin {

struct TargetRules {
  // By dom0's number. Numbers of rules of the other family, and of ended ones, are missing.
  std::map<uint32_t, Rule> rules;
  Action policy = Action::kDrop;        // where no rule matches
  std::vector<Diagnostic> diagnostics;  // of what: `/qubes-firewall/ADDRESS/0003`

  // Anything in it that is no rule: then none of it counts and the client is blocked, as by the
  // stock agent.
  bool broken() const { return HasErrors(diagnostics); }
};

// An accept rule that is well spelt but can match nothing (a public suffix, a name that no host can
// have) is left out with a warning.
TargetRules ReadTarget(const std::string& address, const qubesdb::Target& target);

// Reads each target once for as long as it stays as it is.
class TargetReader {
 public:
  const TargetRules& Read(const std::string& address, const qubesdb::Target& target);
  // Forgets what was not read since the last call.
  void Tidy();

 private:
  struct Known {
    qubesdb::Target target;
    TargetRules rules;
    bool used = true;
  };
  std::map<std::string, Known> known_;
};

}  // namespace dnspin
