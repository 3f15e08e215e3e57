#pragma once
// Knows: what dnspind listens to and speaks by, beside QubesDB and its readers, and in which order
// it is opened. Touches: netlink and a file's watch. Needs CAP_NET_ADMIN.

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "io/reactor.h"
#include "nft/file_watch.h"
#include "nft/hold_rules.h"
#include "nft/nftables.h"
#include "nft/route.h"
#include "nft/ruleset_watch.h"
#include "nft/set_writer.h"

namespace dnspin {

struct KernelSockets {
  std::unique_ptr<Reactor> reactor;
  Nftables nftables;
  Routes routes;
  RouteWatch route_watch;
  FileWatch resolv_conf_watch;
  FileWatch lists_watch;  // of the files of addresses: of none yet
  RulesetWatch ruleset_watch;
  std::unique_ptr<SetWriter> set_writer;
  std::unique_ptr<HoldRules> hold_rules;  // null: no answer is held
  bool takes_log_rules = true;
};

// `hold_fail_open`: nothing where no answer is held, else whether it passes while nobody reads it.
absl::StatusOr<KernelSockets> OpenKernelSockets(const std::string& table,
                                                const std::string& resolv_conf,
                                                std::optional<bool> hold_fail_open);

}  // namespace dnspin
