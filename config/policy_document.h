#pragma once
// Knows: a Policy as text, which crosses from dnspind to its readers in a sealed memfd. Strict:
// what was not written by PolicyDocument is an error. Touches nothing.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "pinning/policy.h"

namespace dnspin {

inline constexpr size_t kPolicyDocumentOctetsMax = 128 << 20;

// Rules go without comment and origin, which no reader needs.
std::string PolicyDocument(const Policy& policy);

absl::StatusOr<Policy> ReadPolicyDocument(std::string_view document);

}  // namespace dnspin
