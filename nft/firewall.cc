#include "nft/firewall.h"

#include <array>
#include <functional>

#include "pinning/check.h"

namespace dnspin {
namespace {

constexpr int kTriesMax = 3;  // others may change rules between our look and our transaction

absl::StatusOr<KernelView> LookAtTables(const std::string& table) {
  constexpr std::array kFamilies = {Family::kIpv4, Family::kIpv6};
  const std::array names = {table, std::string(kDoorsTable), std::string(kQubesTable)};
  KernelView view;
  for (size_t i = 0; i < kFamilies.size(); ++i) {
    auto tables = ReadTableViews(kFamilies[i], names);
    if (!tables.ok()) {
      return tables.status();
    }
    view.filter[i] = std::move((*tables)[names[0]]);
    view.doors[i] = std::move((*tables)[names[1]]);
    view.qubes[i] = std::move((*tables)[names[2]]);
  }
  return view;
}

using TextFor = std::function<std::string(const KernelView&)>;
using Looking = std::function<absl::StatusOr<KernelView>()>;

absl::Status LookAndRun(Nftables& nftables, const Looking& look, const TextFor& text) {
  absl::Status status;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    const absl::StatusOr<KernelView> view = look();
    status = view.ok() ? nftables.Run(text(*view)) : view.status();
    if (status.ok()) {
      break;
    }
  }
  return status;
}

}  // namespace

absl::StatusOr<KernelView> Firewall::Look() const {
  auto view = LookAtTables(table_);
  auto pins = view.ok() ? ReadKernelPins(table_) : view.status();
  if (!pins.ok()) {
    return pins.status();
  }
  view->pins = *std::move(pins);
  return view;
}

// The rest is in force by then; what is to be held is dropped until this is, too.
absl::Status Firewall::Put(const std::vector<HoldChain>& holds) {
  const absl::Status status = holds.empty() ? absl::OkStatus() : holds_->Put(holds);
  return status.ok() ? status : absl::DataLossError(status.message());
}

absl::Status Firewall::Install(const Ruleset& ruleset, const KernelView* seen) {
  DNSPIN_CHECK(ruleset.terms.table == table_);
  const auto text = [&](const KernelView& view) { return InstallText(ruleset, view, way_); };
  if (seen == nullptr || !nftables_.Run(text(*seen)).ok()) {
    const auto status = LookAndRun(
        nftables_, [this] { return Look(); }, text);
    if (!status.ok()) {
      return status;
    }
  }
  return Put(HoldChainsOf(ruleset));
}

absl::Status Firewall::Apply(const RulesetChange& change) {
  // To look at the tables of all clients costs more than the change of one. Where rules of others
  // name what goes, the kernel refuses all of it, and then they are looked at.
  absl::Status status = nftables_.Run(ChangeText(table_, change, {}, way_));
  if (!status.ok()) {
    status = LookAndRun(
        nftables_, [this] { return LookAtTables(table_); },
        [&](const KernelView& view) { return ChangeText(table_, change, view, way_); });
  }
  if (status.ok()) {
    status = Put(HoldChainsOf(change));
  }
  const std::string moved = MovedText(table_, change);
  if (!status.ok() || moved.empty()) {
    return status;
  }
  for (int tries = 0; tries < kTriesMax; ++tries) {
    status = nftables_.Run(moved);
    if (status.ok()) {
      return status;
    }
  }
  return absl::DataLossError(status.message());
}

absl::Status Firewall::ApplyDrops(std::span<const ClientChange> changes) {
  return nftables_.Run(DropsText(table_, changes));
}

absl::Status Firewall::Teardown(Nftables& nftables, const std::string& table) {
  return LookAndRun(
      nftables, [&] { return LookAtTables(table); },
      [&](const KernelView& view) { return TeardownText(table, view); });
}

}  // namespace dnspin
