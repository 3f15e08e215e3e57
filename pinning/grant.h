#pragma once
// Knows: the names that allowed answers have named to one client (design.md 7), and whether one
// more may be. The reader and dnspind keep them apart from each other, by the same arithmetic.
// Touches nothing.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "pinning/channel_message.h"
#include "pinning/clock.h"
#include "pinning/permission.h"
#include "pinning/policy.h"

namespace dnspin {

// Whether these rules let an answer under `rule_host` name `target`.
bool MayBeTarget(const Name& target, std::string_view rule_host, const Permissions& permissions);

class Grants {
 public:
  static constexpr uint8_t kDepthMax = 2;
  static constexpr size_t kPerRuleHost = 32;        // that live
  static constexpr size_t kKnownPerRuleHost = 128;  // with those that ended a moment ago
  static constexpr size_t kMax = 1024;              // as above, of all
  // So long after its end a grant is remembered: what was under way by it is late, but no lie.
  static constexpr std::chrono::seconds kRemembered{60};

  // Whatever the limits. Of two of the same rule host, target and depth the one that lives longer
  // counts, with its parent.
  void Add(Grant grant);

  // The longest life among those of no more than `depth`. Null if none is remembered.
  const Grant* Find(std::string_view rule_host, const Name& target, BootTime now,
                    uint8_t depth = kDepthMax) const;
  // The positions of all rules under which `target` may be pinned now, ascending.
  Positions RulesFor(const Name& target, const Permissions& permissions, BootTime now) const;
  // True if `name` is that of a target, or above one, that may be asked now.
  bool IsAbove(const Name& name, BootTime now) const;
  bool HasRoom(const Grant& grant, BootTime now) const;
  size_t size() const { return size_; }
  std::vector<Grant> All() const;  // in order

  // Ends those whose target or parent these rules, new ones, do not let be one, with what those
  // named. The other side may hold on to them by another parent, until their end.
  void KeepWhatStands(const Permissions& permissions);
  // Forgets what is remembered no longer. Called every few seconds: if it was not, the machine
  // slept, and what is under way is older than anything that is remembered.
  void Expire(BootTime now);

  // The other side may believe, until then, in a grant that was left out here.
  void LeaveOut(BootTime until) { left_out_until_ = std::max(left_out_until_, until); }
  bool MayMiss(BootTime now) const { return now < left_out_until_; }

 private:
  template <typename Predicate>
  void EraseIf(Predicate predicate);

  absl::flat_hash_map<Name, std::vector<Grant>> by_target_;  // none is empty
  size_t size_ = 0;
  BootTime left_out_until_{};
  std::optional<BootTime> expired_at_;
};

// What an answer for a name may make: grants of `depth`, none of which outlives `until`.
struct GrantBounds {
  uint8_t depth = 1;
  BootTime until = BootTime::max();
};

// Nothing if answers for `parent` name no targets now.
std::optional<GrantBounds> BoundsOf(const Name& parent, std::string_view rule_host,
                                    const Grants& grants, const Permissions& permissions,
                                    BootTime now);

struct GrantJudgement {
  enum class Kind : uint8_t {
    kStands,
    kLeftOut,  // nothing wrong with it: there are too many, it is a step too deep, late, of no use
    kWrong,    // these rules and grants give no reason for it
  };
  Kind kind = Kind::kWrong;
  Grant grant;           // of kStands
  std::string_view why;  // of kWrong
};

// Whether the answer that `request` speaks of makes a grant. Its generation and TTL are the
// caller's to judge.
GrantJudgement JudgeGrant(const GrantRequest& request, const Grants& grants,
                          const Permissions& permissions, BootTime now);

}  // namespace dnspin
