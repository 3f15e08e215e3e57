#pragma once
// Knows: how many names that it has not asked before a client may ask under each pattern of its
// rules: every such name can carry a message to whoever serves the pattern's zone. Bounded; what it
// forgets is a new name again. Touches nothing.

#include <chrono>
#include <cstddef>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "pinning/clock.h"
#include "pinning/name.h"
#include "pinning/policy.h"
#include "pinning/token_bucket.h"

namespace dnspin {

class NewNames {
 public:
  static constexpr size_t kKnownMax = 32768;            // twice: the fresh ones and those before
  static constexpr std::chrono::minutes kKnownFor{10};  // at least, unless there are too many

  void SetPolicy(const Policy& policy);

  // True if `rule` has no pattern, or the name is known, or one more may become so.
  bool Take(const Name& name, const Rule& rule, BootTime now);

 private:
  bool Knows(size_t name) const { return fresh_.contains(name) || before_.contains(name); }
  void Remember(size_t name, BootTime now);

  Limits limits_;
  absl::flat_hash_map<std::string, TokenBucket> left_;  // by the pattern's text
  absl::flat_hash_set<size_t> fresh_;                   // hashes of names
  absl::flat_hash_set<size_t> before_;
  BootTime fresh_since_{};
};

}  // namespace dnspin
