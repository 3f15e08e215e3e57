// Benchmarks of the large cases. What touches the firewall touches that of a network namespace of
// its own.

#include <benchmark/benchmark.h>
#include <sched.h>

#include <cstdio>

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    return 1;
  }
  if (unshare(CLONE_NEWNET) != 0) {
    std::perror("benchmarks need a network namespace of their own, and so root");
    return 1;
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
