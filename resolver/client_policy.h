#pragma once
// Knows: one client's policy, ready to be asked about questions and answers. Touches nothing.

#include <optional>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "pinning/permission.h"
#include "pinning/policy.h"

namespace dnspin {

class ClientPolicy {
 public:
  explicit ClientPolicy(Policy policy);

  const Policy& policy() const { return policy_; }
  const Permissions& permissions() const { return permissions_; }

  // Permissions::Judge; besides, DS and DNSKEY of the names above a listed one may be asked. (Of
  // what a regular expression lists, the names above are not known.)
  Permission Judge(const Name& asked, uint16_t type, Transport transport,
                   std::optional<Address> destination) const;

  // What those may be asked by who builds a chain of trust: as if by a rule behind all others, so
  // that every drop by name stands before it.
  Permission OfTrust() const;

  // True if it is a rule with a host that lets the name be asked.
  bool Lists(const Permission& permission) const;

  // The host of the first rule that `permission` pins under.
  std::string RuleHost(const Permission& permission) const;

 private:
  Policy policy_;
  Permissions permissions_;
  // In wire form, parts of what `policy_` holds: all that accept rules list, and what is above.
  absl::flat_hash_set<absl::string_view> ancestors_;
};

}  // namespace dnspin
