#pragma once
// Knows: what the configuration wants of dnspind, as values; main.cc makes it from config/'s.
// Touches nothing.

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nft/ruleset.h"
#include "pinning/policy.h"

namespace dnspin {

struct DesiredClient {
  std::string name;
  std::vector<Address> addresses;
  std::vector<Rule> rules;
  bool operator==(const DesiredClient&) const = default;
};

struct Desired {
  RulesetTerms ruleset;
  PinTerms pins;
  std::vector<HostPattern> rebind_ok;
  BindingTerms bindings;
  bool prefetch = false;
  std::vector<Endpoint> upstreams;
  bool upstreams_followed = false;  // they are those of resolv.conf, and change with it
  std::vector<DesiredClient> clients;
  std::vector<std::string> warnings;  // for the log
};

// Reads the configuration anew. An error says every fault in it, one a line.
using LoadDesired = std::function<absl::StatusOr<Desired>()>;

// Reads resolv.conf's servers. NotFoundError if there is no such file.
using ReadServers = std::function<absl::StatusOr<std::vector<Endpoint>>()>;

// The text that carries a policy to a reader (config/policy_document.h).
using WritePolicy = std::function<std::string(const Policy&)>;

}  // namespace dnspin
