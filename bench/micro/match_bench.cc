// One question, judged by few rules and by very many.

#include <benchmark/benchmark.h>

#include <vector>

#include "bench/micro/large.h"
#include "pinning/permission.h"

namespace dnspin::bench {
namespace {

constexpr size_t kNames = 4096;  // asked in turn: no cache of the processor's holds all of it

void Match(benchmark::State& state, const char* zone, Standing expected) {
  const auto rules = static_cast<size_t>(state.range(0));
  const LargeConfiguration large(1, rules);
  const LoadResult loaded = Load(large.files());
  Policy policy;
  policy.rules = loaded.configuration->clients.front().rules;
  const Permissions permissions(policy);
  std::vector<Name> names;
  for (size_t i = 0; i < kNames; ++i) {
    names.push_back(NameFor(i * 7919 % rules, zone));
  }
  size_t next = 0;
  while (state.KeepRunning()) {
    const Permission permission = permissions.Judge(names[next++ % kNames], Transport::kUdp, {});
    if (permission.standing != expected) {
      state.SkipWithError("judged otherwise");
      return;
    }
  }
  state.SetItemsProcessed(state.iterations());
}

void MatchListed(benchmark::State& state) { Match(state, "example.com", Standing::kPinned); }
void MatchUnlisted(benchmark::State& state) { Match(state, "example.net", Standing::kProhibited); }
BENCHMARK(MatchListed)->ArgName("rules")->Arg(50)->Arg(10'000)->Arg(100'000);
BENCHMARK(MatchUnlisted)->ArgName("rules")->Arg(50)->Arg(10'000)->Arg(100'000);

// The regular expressions of a client, as many as it may have, are one automaton.
void MatchRegexes(benchmark::State& state) {
  Policy policy;
  for (size_t i = 0; i < PatternIndex::kRegexesMax; ++i) {
    Rule rule;
    rule.action = Action::kAccept;
    rule.host = HostPattern{HostPattern::Kind::kRegex, {}, fmt::format("cdn[0-9]+-{}\\.net", i)};
    policy.rules.push_back(std::move(rule));
  }
  const Permissions permissions(policy);
  const Name name = *Name::FromHost("cdn123-255.net");
  while (state.KeepRunning()) {
    benchmark::DoNotOptimize(permissions.Judge(name, Transport::kUdp, {}));
  }
}
BENCHMARK(MatchRegexes);

}  // namespace
}  // namespace dnspin::bench
