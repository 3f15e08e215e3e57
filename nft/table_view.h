#pragma once
// Knows: what nft's JSON listing says is in a table: our own rules, and what others made there that
// is to survive us. A pure function of the listing.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace dnspin {

// The comment of every rule that we put in a chain where others may have rules too.
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
    bool operator==(const SetView&) const = default;
  };
  std::vector<OwnRule> own_rules;  // in the order of their chains
  std::vector<std::string> chains;
  std::vector<SetView> sets;
  std::map<std::string, std::string> digests;  // of client chains: RulesDigest()
  std::set<std::string> used;  // words in rules of others: chains and sets they name are among them

  bool HasChain(std::string_view name) const;
  bool operator==(const TableView&) const = default;
};

// By name.
using TableViews = std::map<std::string, TableView>;

// Of `list ruleset FAMILY`. In tables of ours the rules of chains `qbs-*` are all our own.
absl::StatusOr<TableViews> ReadTableViews(const std::string& json);

}  // namespace dnspin
