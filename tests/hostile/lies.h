#pragma once
// Knows: what a reader may say on its channel that no honest one says, a row each; row 0 is honest.
// Touches: the channel.

#include <cstddef>

#include "pinning/policy.h"

namespace dnspin {

struct Liar {
  int channel;
  Policy policy;  // under which its client's first rule accepts .good.test
};

void TellLie(size_t row, const Liar& liar);

}  // namespace dnspin
