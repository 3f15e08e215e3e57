#include "resolver/new_names.h"

#include <utility>

#include "absl/hash/hash.h"

namespace dnspin {

void NewNames::SetPolicy(const Policy& policy) {
  const bool other = policy.limits.names_per_pattern != limits_.names_per_pattern;
  limits_ = policy.limits;
  const auto before = std::exchange(left_, {});
  for (const Rule& rule : policy.rules) {
    if (!rule.host || rule.host->kind == HostPattern::Kind::kName) {
      continue;
    }
    std::string pattern = rule.host->Text();
    const auto known = before.find(pattern);
    const auto names = static_cast<double>(limits_.names_per_pattern);
    left_.emplace(std::move(pattern),
                  known != before.end() && !other ? known->second : TokenBucket(names, names / 60));
  }
}

bool NewNames::Take(const Name& name, const Rule& rule, BootTime now) {
  if (!rule.host || rule.host->kind == HostPattern::Kind::kName) {
    return true;
  }
  const size_t hash = absl::HashOf(name);
  const auto left = left_.find(rule.host->Text());
  if (!Knows(hash) && (left == left_.end() || !left->second.Spend(now))) {
    return false;
  }
  Remember(hash, now);
  return true;
}

void NewNames::Remember(size_t name, BootTime now) {
  if (fresh_.size() >= kKnownMax || now - fresh_since_ >= kKnownFor) {
    before_ = std::exchange(fresh_, {});
    fresh_since_ = now;
  }
  fresh_.insert(name);
}

}  // namespace dnspin
