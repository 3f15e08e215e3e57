#pragma once
// Knows: which of the ways to refresh an element this kernel has. Touches: a table of the network
// namespace, for a moment.

#include <gtest/gtest.h>

#include "nft/set_writer.h"

namespace dnspin {

// The way of old kernels works in all of them.
inline bool KernelHas(RefreshWay way) {
  const auto writer = SetWriter::Create("dnspin-ways");
  EXPECT_TRUE(writer.ok()) << writer.status();
  return way == RefreshWay::kAddDeleteAdd || (writer.ok() && (*writer)->refresh_way() == way);
}

}  // namespace dnspin
