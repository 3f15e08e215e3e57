#include "nft/kernel_sockets.h"

#include <cstdlib>
#include <string_view>

#include "nft/log_rules.h"

namespace dnspin {
namespace {

// For tests: the way of kernels before 6.12, on whatever kernel this is.
std::optional<RefreshWay> ForcedRefreshWay() {
  const char* const way = std::getenv("DNSPIN_TEST_REFRESH");
  return way != nullptr && std::string_view(way) == "add-delete-add"
             ? std::optional(RefreshWay::kAddDeleteAdd)
             : std::nullopt;
}

}  // namespace

absl::StatusOr<KernelSockets> OpenKernelSockets(const std::string& table,
                                                const std::string& resolv_conf,
                                                std::optional<bool> hold_fail_open) {
  auto reactor = Reactor::Create();
  auto nftables = Nftables::Create();
  auto routes = Routes::Create();
  auto route_watch = RouteWatch::Create();
  auto resolv_conf_watch = FileWatch::Create({resolv_conf});
  auto lists_watch = FileWatch::Create({});
  auto ruleset_watch = RulesetWatch::Create(table);
  for (const absl::Status& status :
       {reactor.status(), nftables.status(), routes.status(), route_watch.status(),
        resolv_conf_watch.status(), lists_watch.status(), ruleset_watch.status()}) {
    if (!status.ok()) {
      return status;
    }
  }
  // What it commits is seen by the watch, which learns from it who we are.
  auto set_writer = SetWriter::Create(table, ForcedRefreshWay());
  if (!set_writer.ok()) {
    return set_writer.status();
  }
  std::unique_ptr<HoldRules> hold_rules;
  if (hold_fail_open) {
    auto holds = HoldRules::Create(table, *hold_fail_open);
    if (!holds.ok()) {
      return holds.status();
    }
    hold_rules = *std::move(holds);
  }
  const bool takes_log_rules = TakesLogRules(*nftables, table);
  if (auto status = nftables->Probe(table + "-probe"); !status.ok()) {
    return status;
  }
  if (auto status = ruleset_watch->LearnOwn((*set_writer)->port_id()); !status.ok()) {
    return status;
  }
  if (hold_rules != nullptr) {
    if (auto status = ruleset_watch->LearnOwn(hold_rules->port_id()); !status.ok()) {
      return status;
    }
  }
  return KernelSockets{*std::move(reactor),
                       *std::move(nftables),
                       *std::move(routes),
                       *std::move(route_watch),
                       *std::move(resolv_conf_watch),
                       *std::move(lists_watch),
                       *std::move(ruleset_watch),
                       *std::move(set_writer),
                       std::move(hold_rules),
                       takes_log_rules};
}

}  // namespace dnspin
