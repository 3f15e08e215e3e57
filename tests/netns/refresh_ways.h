#pragma once
// Knows: which ways to refresh an element this kernel has, by its number and not by our own probe.
// Touches: uname(2).

#include <sys/utsname.h>

#include <cstdio>
#include <vector>

#include "nft/refresh_way.h"

namespace dnspin {

// Since Linux 6.12. A number that cannot be read is a new one's: the tests will tell.
inline bool KernelRefreshesInPlace() {
  utsname name{};
  int major = 0;
  int minor = 0;
  const bool known = uname(&name) == 0 && std::sscanf(name.release, "%d.%d", &major, &minor) == 2;
  return !known || major > 6 || (major == 6 && minor >= 12);
}

// The way of old kernels works in all of them.
inline std::vector<RefreshWay> WaysOfThisKernel() {
  std::vector<RefreshWay> ways = {RefreshWay::kAddDeleteAdd};
  if (KernelRefreshesInPlace()) {
    ways.push_back(RefreshWay::kInPlace);
  }
  return ways;
}

}  // namespace dnspin
