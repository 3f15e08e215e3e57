// What very many rules cost in memory: octets of the heap, a rule.

#include <benchmark/benchmark.h>

#include <vector>

#include "bench/micro/heap.h"
#include "bench/micro/large.h"
#include "pinning/permission.h"

namespace dnspin::bench {
namespace {

// What the heap has grown by while `make` made what it returns, which is dropped.
template <typename Make>
double Growth(const Make& make) {
  const size_t before = HeapOctets();
  const auto made = make();
  benchmark::DoNotOptimize(&made);
  return static_cast<double>(HeapOctets() - before);
}

void Memory(benchmark::State& state) {
  const auto rules = static_cast<size_t>(state.range(0));
  const LargeConfiguration large(1, rules);
  const LoadResult loaded = Load(large.files());
  Policy policy;
  policy.rules = loaded.configuration->clients.front().rules;
  const auto count = static_cast<double>(rules);
  while (state.KeepRunning()) {
    state.counters["rule"] =
        Growth([&] { return std::vector<Rule>(policy.rules.begin(), policy.rules.end()); }) / count;
    state.counters["index"] = Growth([&] { return IndexHosts(policy.rules); }) / count;
    state.counters["permissions"] = Growth([&] { return Permissions(policy); }) / count;
  }
}
BENCHMARK(Memory)->ArgName("rules")->Arg(1000)->Arg(100'000)->Iterations(1);

}  // namespace
}  // namespace dnspin::bench
