#pragma once
// Knows: what the kernel holds in a table: our own rules, and what others made there that is to
// survive us. Not through libnftables' listings: those of 1.0.6 and before use freed memory where a
// table has flags. Touches: a NETLINK_NETFILTER socket.

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "pinning/address.h"

namespace dnspin {

// The comment of every rule that we put in a chain where others may have rules too, and of every
// set whose name others might give to theirs.
inline constexpr std::string_view kOwnComment = "made by dnspin";

// What the comment of a client chain's last rule begins with; RulesDigest() follows.
inline constexpr std::string_view kDigestComment = "rules ";

struct TableView {
  struct OwnRule {
    std::string chain;
    uint64_t handle = 0;
    bool operator==(const OwnRule&) const = default;
  };
  struct SetView {
    std::string name;
    uint64_t size = 0;       // 0: unlimited
    bool holds_pins = true;  // addresses with a timeout, and nothing else
    bool ours = false;       // its comment says so
    bool operator==(const SetView&) const = default;
  };
  std::vector<OwnRule> own_rules;  // in the order of their chains
  std::vector<std::string> chains;
  std::vector<SetView> sets;
  std::map<std::string, std::string> digests;  // of client chains: RulesDigest()
  std::set<std::string> used;  // chains and sets that others' rules and verdict maps name

  bool HasChain(std::string_view name) const;
  bool operator==(const TableView&) const = default;
};

// By name.
using TableViews = std::map<std::string, TableView>;

// Those of the tables called `names` that are there. The rules of chains `qbs-*` count as our own.
// kAborted if others changed the ruleset all the while.
absl::StatusOr<TableViews> ReadTableViews(Family family, std::span<const std::string> names);

}  // namespace dnspin
