#pragma once
// Knows: our counters under the names that Prometheus conventions ask for. Touches nothing.

#include <cstdint>
#include <string>
#include <vector>

namespace dnspin {

struct ControlView;

struct Metric {
  std::string name;
  uint64_t value = 0;
};

std::vector<Metric> TotalsOf(const ControlView& view);  // over all clients

std::string PrometheusText(const ControlView& view);

}  // namespace dnspin
