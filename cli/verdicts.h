#pragma once
// Knows: what a list of rules does with names and packets, as dnspind would judge. Touches nothing.

#include <optional>
#include <vector>

#include "pinning/chain_walk.h"
#include "pinning/permission.h"
#include "pinning/pin_group.h"

namespace dnspin {

class Verdicts {
 public:
  explicit Verdicts(std::vector<Rule> rules);
  Verdicts(const Verdicts&) = delete;
  Verdicts& operator=(const Verdicts&) = delete;

  Permission Of(const Name& name) const { return permissions_.Judge(name); }
  // Whether a flow to `address` may begin, where `host` was asked for it.
  bool Opens(const Address& address, const Service& service, const std::optional<Name>& host) const;

  // Where the rule stands that decided; empty: none did.
  std::string OriginOf(const Permission& permission) const;

 private:
  Policy policy_;
  Permissions permissions_;
  std::vector<PinGroup> groups_;
  ChainWalk walk_;
};

}  // namespace dnspin
