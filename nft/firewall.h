#pragma once
// Knows: when the firewall's text is made and sent, each time as one transaction. Touches:
// nftables.

#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nft/hold_rules.h"
#include "nft/nftables.h"
#include "nft/refresh_way.h"
#include "nft/ruleset.h"

namespace dnspin {

class Firewall {
 public:
  // `nftables` outlives it, and so does `holds`; without those no answer is held.
  Firewall(Nftables& nftables, std::string table, RefreshWay way, HoldRules* holds = nullptr)
      : nftables_(nftables), table_(std::move(table)), way_(way), holds_(holds) {}

  // What the kernel has of ours, and beside it.
  absl::StatusOr<KernelView> Look() const;

  // Brings the kernel from whatever is there to `ruleset`: at start, after others changed our
  // tables, and when terms or set sizes change. There is no instant in which it is open. Foreign
  // rules in our tables stay. Failed: all is as it was. `seen`: what Look() has just said.
  absl::Status Install(const Ruleset& ruleset, const KernelView* seen = nullptr);

  // Some clients come, go or change, pins move along. Failed: all is as it was. But kDataLoss: the
  // new rules are in force, and pins that moved may still be in their old sets too; only Install
  // can tell.
  absl::Status Apply(const RulesetChange& change);

  // Dropped names have other addresses (DropsText). Failed: all is as it was.
  absl::Status ApplyDrops(std::span<const ClientChange> changes);

  // Removes tables TABLE and dnspin-dns of both families, and our rules in tables of Qubes OS.
  // Works also if nothing is there.
  static absl::Status Teardown(Nftables& nftables, const std::string& table);

 private:
  absl::Status Put(const std::vector<HoldChain>& holds);

  Nftables& nftables_;
  std::string table_;
  RefreshWay way_;
  HoldRules* holds_;
};

}  // namespace dnspin
