#pragma once
// Knows: Linux users and capabilities. Touches: this process's own credentials.

#include <sys/types.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace dnspin {

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  bool operator==(const User&) const = default;
};

// Nobody of that name is no error; that it cannot be known is.
absl::StatusOr<std::optional<User>> FindUser(const std::string& name);

// A set of capabilities, by their numbers in linux/capability.h.
class Capabilities {
 public:
  Capabilities(std::initializer_list<int> numbers);
  uint64_t mask() const { return mask_; }
  bool Holds(int number) const { return (mask_ >> number & 1) != 0; }

 private:
  uint64_t mask_ = 0;
};

// Becomes `user` for good, with no group but its own and no capability but `kept` (permitted and
// effective); no_new_privs is set, the bounding set is empty and the process cannot be dumped. Only
// `passed_on` of them may still be raised as ambient for a program that it execs.
// Who is `effective` as well may signal that user's processes and have children become that user,
// without a capability; that user may not signal or trace it, for which the real id counts.
absl::Status BecomeUser(User user, User effective, const Capabilities& kept,
                        const Capabilities& passed_on = {});

// In a child that is about to exec, and that has no groups: becomes `user`; `inherited` pass
// through the exec as ambient ones.
absl::Status BecomeUserForExec(User user, const Capabilities& inherited);

}  // namespace dnspin
