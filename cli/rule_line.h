#pragma once
// Knows: a rule in the shortest words that a client file has for it. Touches nothing.

#include <string>

#include "pinning/rule.h"

namespace dnspin {

// "accept .debian.org tcp 443", "drop ads.example.com", "accept specialtarget=dns".
std::string RuleLine(const Rule& rule);

}  // namespace dnspin
