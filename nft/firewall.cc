#include "nft/firewall.h"

#include <fmt/format.h>

#include <array>
#include <functional>
#include <set>

#include "pinning/check.h"

namespace dnspin {
namespace {

constexpr int kTriesMax = 3;  // others may change rules between our look and our transaction

absl::Status ReadTables(Nftables& nftables, const std::set<std::string>& present,
                        std::string_view table, std::array<TableView, 2>& views) {
  constexpr std::array kFamilies = {"ip", "ip6"};
  for (size_t i = 0; i < kFamilies.size(); ++i) {
    const std::string place = fmt::format("{} {}", kFamilies[i], table);
    if (!present.contains(place)) {
      continue;
    }
    const absl::StatusOr<std::string> listing = nftables.ListJson("list table " + place);
    if (!listing.ok()) {
      return listing.status();
    }
    absl::StatusOr<TableView> view = ReadTableView(*listing);
    if (!view.ok()) {
      return view.status();
    }
    views[i] = *std::move(view);
  }
  return absl::OkStatus();
}

absl::StatusOr<KernelView> LookAtTables(Nftables& nftables, const std::string& table) {
  const absl::StatusOr<std::string> listing = nftables.ListJson("list tables");
  if (!listing.ok()) {
    return listing.status();
  }
  const absl::StatusOr<std::set<std::string>> present = ReadTableNames(*listing);
  if (!present.ok()) {
    return present.status();
  }
  KernelView view;
  absl::Status status = ReadTables(nftables, *present, table, view.filter);
  status.Update(ReadTables(nftables, *present, kDoorsTable, view.doors));
  status.Update(ReadTables(nftables, *present, kQubesTable, view.qubes));
  if (!status.ok()) {
    return status;
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
  auto view = LookAtTables(nftables_, table_);
  auto pins = view.ok() ? ReadKernelPins(table_) : view.status();
  if (!pins.ok()) {
    return pins.status();
  }
  view->pins = *std::move(pins);
  return view;
}

absl::Status Firewall::Install(const Ruleset& ruleset, const KernelView* seen) {
  DNSPIN_CHECK(ruleset.terms.table == table_);
  const auto text = [&](const KernelView& view) { return InstallText(ruleset, view, way_); };
  if (seen != nullptr && nftables_.Run(text(*seen)).ok()) {
    return absl::OkStatus();
  }
  return LookAndRun(
      nftables_, [this] { return Look(); }, text);
}

absl::Status Firewall::Apply(const RulesetChange& change) {
  absl::Status status = LookAndRun(
      nftables_, [this] { return LookAtTables(nftables_, table_); },
      [&](const KernelView& view) { return ChangeText(table_, change, view, way_); });
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

absl::Status Firewall::SetDoorways(std::span<const Doorway> doorways) {
  return nftables_.Run(DoorwaysText(doorways));
}

absl::Status Firewall::Teardown(Nftables& nftables, const std::string& table) {
  return LookAndRun(
      nftables, [&] { return LookAtTables(nftables, table); },
      [&](const KernelView& view) { return TeardownText(table, view); });
}

}  // namespace dnspin
