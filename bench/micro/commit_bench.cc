// What the kernel takes: pins through libnftnl, rules through libnftables. In a network namespace
// of this process's own (main.cc).

#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "bench/micro/large.h"
#include "nft/adoption.h"
#include "nft/firewall.h"
#include "nft/set_writer.h"
#include "pinning/permission.h"

namespace dnspin::bench {
namespace {

constexpr const char* kTable = "dnspin";
constexpr std::chrono::minutes kLife{5};

Address Public(uint32_t number) {
  const uint32_t address = (198U << 24 | 18U << 16) + number;
  return *Address::Parse(fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 255,
                                     address >> 8 & 255, address & 255));
}

PinElement Pin(std::string set, uint32_t number) {
  return {std::move(set), Public(number), kLife,
          ".host1.zone1.example.com < www.host1.zone1.example.com"};  // by rule 1
}

// Nftables of a namespace without our tables.
Nftables Fresh() {
  Nftables nftables = *Nftables::Create();
  Firewall::Teardown(nftables, kTable).IgnoreError();
  return nftables;
}

bool Failed(benchmark::State& state, const absl::Status& status) {
  if (!status.ok()) {
    state.SkipWithError(std::string(status.message()).c_str());
  }
  return !status.ok();
}

// Transactions of so many elements, until the kernel has acknowledged them.
void Commit(benchmark::State& state, bool refresh) {
  Nftables nftables = Fresh();
  if (Failed(state, nftables.Run("add table ip dnspin; add set ip dnspin pin-a-1 "
                                 "{ type ipv4_addr; flags timeout; size 1000000; }"))) {
    return;
  }
  const auto writer = SetWriter::Create(kTable);
  if (Failed(state, writer.status())) {
    return;
  }
  const auto count = static_cast<uint32_t>(state.range(0));
  uint32_t next = 0;
  while (state.KeepRunning()) {
    state.PauseTiming();
    std::vector<PinElement> elements;
    for (uint32_t i = 0; i < count; ++i) {
      elements.push_back(Pin("pin-a-1", next + i));
    }
    next += refresh ? 0 : count;
    state.ResumeTiming();
    if (Failed(state, (*writer)->Commit(elements).status)) {
      return;
    }
  }
  state.SetItemsProcessed(state.iterations() * count);
  nftables.Run("delete table ip dnspin").IgnoreError();
}
void CommitNew(benchmark::State& state) { Commit(state, false); }
void CommitRefresh(benchmark::State& state) { Commit(state, true); }
BENCHMARK(CommitNew)->Arg(1)->Arg(8)->Arg(64)->Iterations(5000)->UseRealTime();
BENCHMARK(CommitRefresh)->Arg(1)->Arg(8)->Arg(64)->Iterations(5000)->UseRealTime();

// 200 clients of 50 rules, each with so many pins.
Ruleset LargeRuleset(uint32_t pins_each) {
  const LargeConfiguration large(200, 50);
  const LoadResult loaded = Load(large.files());
  Ruleset ruleset;
  ruleset.terms.table = kTable;
  ruleset.terms.interfaces = {"vif*"};
  ruleset.terms.reader_uid = 65533;
  ruleset.terms.intercept = {*Address::Parse("10.139.1.1"), *Address::Parse("10.139.1.2")};
  ruleset.terms.dns_servers = ruleset.terms.intercept;
  uint16_t port = 20'000;
  for (const ClientConfig& client : loaded.configuration->clients) {
    ruleset.clients.push_back({client.addresses, client.rules, GroupsOf(client.rules, {}), 8192});
    for (const Address& address : client.addresses) {
      ruleset.doorways.push_back({address, port});
    }
    ++port;
    const Address first = *FirstAddress(client.addresses, Family::kIpv4);
    for (uint32_t i = 0; i < pins_each; ++i) {
      ruleset.pins.push_back(Pin(PinSetName(first, 1), i));
    }
  }
  return ruleset;
}

// All of it in one transaction: into an empty kernel, or over what is there already.
void Install(benchmark::State& state, bool fresh) {
  Nftables nftables = Fresh();
  Firewall firewall(nftables, kTable, RefreshWay::kInPlace);
  const Ruleset ruleset = LargeRuleset(static_cast<uint32_t>(state.range(0)));
  if (!fresh && Failed(state, firewall.Install(ruleset))) {
    return;
  }
  while (state.KeepRunning()) {
    state.PauseTiming();
    if (fresh) {
      Firewall::Teardown(nftables, kTable).IgnoreError();
    }
    state.ResumeTiming();
    if (Failed(state, firewall.Install(ruleset))) {
      return;
    }
  }
  state.counters["pins"] = static_cast<double>(ruleset.pins.size());
  Firewall::Teardown(nftables, kTable).IgnoreError();
}
void InstallFresh(benchmark::State& state) { Install(state, true); }
void InstallOver(benchmark::State& state) { Install(state, false); }
constexpr auto kMillisecond = benchmark::kMillisecond;
BENCHMARK(InstallFresh)->ArgName("pins_each")->Arg(0)->Arg(250)->Unit(kMillisecond)->UseRealTime();
BENCHMARK(InstallOver)->ArgName("pins_each")->Arg(0)->Unit(kMillisecond)->UseRealTime();

// A reload by difference: so many of the 200 clients lose their last rule, or get it back.
void Apply(benchmark::State& state) {
  Nftables nftables = Fresh();
  Firewall firewall(nftables, kTable, RefreshWay::kInPlace);
  const Ruleset ruleset = LargeRuleset(static_cast<uint32_t>(state.range(1)));
  if (Failed(state, firewall.Install(ruleset))) {
    return;
  }
  RulesetChange change;
  for (int64_t i = 0; i < state.range(0); ++i) {
    const ClientRules& whole = ruleset.clients.at(static_cast<size_t>(i));
    ClientRules less = whole;
    less.rules.Own().pop_back();
    less.groups = GroupsOf(less.rules, whole.groups);
    change.clients.push_back({whole, less});
  }
  while (state.KeepRunning()) {
    if (Failed(state, firewall.Apply(change))) {
      return;
    }
    for (ClientChange& client : change.clients) {
      std::swap(client.before, client.after);
    }
  }
  Firewall::Teardown(nftables, kTable).IgnoreError();
}
BENCHMARK(Apply)
    ->ArgNames({"clients", "pins_each"})
    ->ArgsProduct({{1, 200}, {0, 250}})
    ->Unit(kMillisecond)
    ->UseRealTime();

// A restart, up to the first transaction: 50,000 pins are read back and judged.
void Adopt(benchmark::State& state) {
  Nftables nftables = Fresh();
  Firewall firewall(nftables, kTable, RefreshWay::kInPlace);
  const Ruleset ruleset = LargeRuleset(250);
  if (Failed(state, firewall.Install(ruleset))) {
    return;
  }
  while (state.KeepRunning()) {
    auto view = firewall.Look();
    if (Failed(state, view.status())) {
      return;
    }
    const Inheritance inheritance(*std::move(view), {});
    size_t adopted = 0;
    for (const ClientRules& rules : ruleset.clients) {
      ServedClient client;
      client.desired.addresses = client.policy.addresses = rules.addresses;
      client.policy.rules = rules.rules;
      client.permissions = std::make_shared<Permissions>(client.policy);
      client.groups = rules.groups;
      inheritance.AdoptPins(client, BootTime(std::chrono::hours(1)));
      adopted += client.ledger.pins().size();
    }
    state.counters["adopted"] = static_cast<double>(adopted);
  }
  Firewall::Teardown(nftables, kTable).IgnoreError();
}
BENCHMARK(Adopt)->Unit(kMillisecond)->UseRealTime();

}  // namespace
}  // namespace dnspin::bench
