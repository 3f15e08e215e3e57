#pragma once
// Knows: how others are told what the names in a qube's rules resolve to: `/dns/ADDRESS/HOST`, as
// the stock agent writes it. Touches nothing but the source of rules, to which it
// writes.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nft/served_client.h"
#include "pinning/clock.h"
#include "pinning/rule_source.h"

namespace dnspin {

// "{'192.0.2.1/32', '192.0.2.2/32'}": as Python writes a set; those that fit into a value. Empty
// for none.
std::string PublishedText(const std::set<Address>& addresses);

class PublishedNames {
 public:
  explicit PublishedNames(RuleSource& source) : source_(source) {}  // which outlives it

  // Writes what differs from what was written last, at most once a second.
  void Tell(const ServedClients& clients, BootTime now);
  std::optional<BootTime> NextDeadline() const { return due_; }

 private:
  RuleSource& source_;
  uint64_t connection_ = 0;
  BootTime next_;
  std::optional<BootTime> due_;                // something may differ since the last time
  std::set<std::string> folders_;              // of clients that are there
  std::map<std::string, std::string> values_;  // by path, as written
};

}  // namespace dnspin
