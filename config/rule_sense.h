#pragma once
// Knows: rules that are well spelt but could not do what their writer hopes for. Touches nothing.

#include "config/diagnostic.h"
#include "config/rule_fields.h"
#include "pinning/rule.h"

namespace dnspin {

// Errors for a rule that would never act, warnings for one that acts less or more than it seems.
void JudgeSense(const Rule& rule, const RuleFields& fields, LineReport& report);

// True for a rule that every packet matches: what stands behind it never acts.
bool EndsAll(const Rule& rule);

}  // namespace dnspin
