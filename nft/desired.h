#pragma once
// Knows: what the configuration wants of dnspind, as values; main.cc makes it from config/'s.
// Touches nothing.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nft/ruleset.h"
#include "pinning/policy.h"
#include "pinning/vif.h"

namespace dnspin {

struct DesiredClient {
  std::string name;
  std::vector<Address> addresses;
  RuleList rules;
  std::vector<std::string> interfaces{};  // sorted: where it is; none: wherever its route leads
  std::string fault{};                    // not empty: why its rules count for nothing
  bool unsettled = false;                 // what its rules are is not clear yet
  bool operator==(const DesiredClient&) const = default;
};

struct Desired {
  RulesetTerms ruleset;
  PinTerms pins;
  Limits limits;
  std::vector<HostPattern> rebind_ok;
  BindingTerms bindings;
  std::vector<Endpoint> upstreams;
  bool upstreams_followed = false;  // they are those of resolv.conf, and change with it
  // Who may ask dnspin may also ask its upstreams by themselves, as with the agent of Qubes OS: set
  // dns-addr is theirs.
  bool dns_is_upstream = false;
  bool may_learn = true;  // clients may be taught
  std::vector<DesiredClient> clients;
  NetworkLists lists;                 // what the files of addresses say that their rules name
  std::vector<std::string> warnings;  // for the log

  void SettleUpstreams() {  // whenever they change
    ruleset.upstreams = upstreams;
    if (dns_is_upstream) {
      ruleset.dns_servers.clear();
      for (const Endpoint& endpoint : upstreams) {
        ruleset.dns_servers.push_back(endpoint.address);
      }
      auto& servers = ruleset.dns_servers;
      std::sort(servers.begin(), servers.end());
      servers.erase(std::unique(servers.begin(), servers.end()), servers.end());
    }
  }
};

enum class Reading : uint8_t {
  kAll,   // the files too
  kLive,  // what changes by itself, files of addresses too; the others as they were last good
};

// Makes it anew, for the clients that are there. An error says every fault in the files, one a
// line.
using LoadDesired =
    std::function<absl::StatusOr<Desired>(Reading reading, std::span<const Vif> vifs)>;

// Reads resolv.conf's servers. NotFoundError if there is no such file.
using ReadServers = std::function<absl::StatusOr<std::vector<Endpoint>>()>;

// The text that carries a policy to a reader (config/policy_document.h).
using WritePolicy = std::function<std::string(const Policy&)>;

}  // namespace dnspin
