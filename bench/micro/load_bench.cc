// From files to what questions are judged by, and over the channel to the reader.

#include <benchmark/benchmark.h>

#include "bench/micro/large.h"
#include "config/policy_document.h"
#include "pinning/permission.h"
#include "pinning/pin_group.h"

namespace dnspin::bench {
namespace {

Policy PolicyOf(const ClientConfig& client) {
  Policy policy;
  policy.client = client.name;
  policy.addresses = client.addresses;
  policy.rules = client.rules;
  return policy;
}

// Files to Permissions and pin groups, of all clients.
void Load(benchmark::State& state) {
  const LargeConfiguration large(static_cast<size_t>(state.range(0)),
                                 static_cast<size_t>(state.range(1)));
  while (state.KeepRunning()) {
    const LoadResult loaded = dnspin::Load(large.files());
    if (!loaded.configuration) {
      state.SkipWithError(loaded.diagnostics.front().Text().c_str());
      return;
    }
    for (const ClientConfig& client : loaded.configuration->clients) {
      const Permissions permissions(PolicyOf(client));
      benchmark::DoNotOptimize(GroupsOf(client.rules, {}));
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * state.range(1));
}
BENCHMARK(Load)
    ->ArgNames({"clients", "rules"})
    ->Args({1, 1000})
    ->Args({1, 10'000})
    ->Args({1, 100'000})
    ->Args({200, 50})
    ->Unit(benchmark::kMillisecond);

// One client's policy, written by dnspind and read by its reader.
void PolicyToReader(benchmark::State& state) {
  const LargeConfiguration large(1, static_cast<size_t>(state.range(0)));
  const LoadResult loaded = dnspin::Load(large.files());
  const Policy policy = PolicyOf(loaded.configuration->clients.front());
  size_t octets = 0;
  while (state.KeepRunning()) {
    const std::string document = PolicyDocument(policy);
    const auto read = ReadPolicyDocument(document);
    if (!read.ok()) {
      state.SkipWithError(std::string(read.status().message()).c_str());
      return;
    }
    octets = document.size();
  }
  state.counters["octets"] = static_cast<double>(octets);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(PolicyToReader)
    ->ArgName("rules")
    ->Arg(50)
    ->Arg(10'000)
    ->Arg(100'000)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace dnspin::bench
