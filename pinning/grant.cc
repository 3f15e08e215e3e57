#include "pinning/grant.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace dnspin {
namespace {

// True if `rule_host` is among those that list the name.
bool IsListed(const Name& name, std::string_view rule_host, const Permissions& permissions) {
  const auto rules = permissions.PinningUnder(rule_host);
  const Permission own = permissions.Judge(name);
  return !rules.empty() &&
         std::find(own.pinned.begin(), own.pinned.end(), rules.front()) != own.pinned.end();
}

}  // namespace

bool MayBeTarget(const Name& target, std::string_view rule_host, const Permissions& permissions) {
  const auto rules = permissions.PinningUnder(rule_host);
  return !rules.empty() && target.IsHost() && !target.IsRoot() &&
         !permissions.Refuses(target, rules.front());
}

void Grants::Add(Grant grant) {
  auto& known = by_target_[grant.target];
  const auto same = std::find_if(known.begin(), known.end(), [&](const Grant& other) {
    return other.rule_host == grant.rule_host && other.depth == grant.depth;
  });
  if (same == known.end()) {
    known.push_back(std::move(grant));
    ++size_;
  } else if (same->until < grant.until) {
    *same = std::move(grant);
  }
}

const Grant* Grants::Find(std::string_view rule_host, const Name& target, BootTime now,
                          uint8_t depth) const {
  const auto known = by_target_.find(target);
  if (known == by_target_.end()) {
    return nullptr;
  }
  const Grant* found = nullptr;
  for (const Grant& grant : known->second) {
    if (grant.rule_host == rule_host && grant.depth <= depth && now < grant.until + kRemembered &&
        (found == nullptr || found->until < grant.until)) {
      found = &grant;
    }
  }
  return found;
}

Positions Grants::RulesFor(const Name& target, const Permissions& permissions, BootTime now) const {
  Positions rules;
  if (const auto known = by_target_.find(target); known != by_target_.end()) {
    for (const Grant& grant : known->second) {
      if (now < grant.until) {
        const auto more = permissions.PinningUnder(grant.rule_host);
        rules.insert(rules.end(), more.begin(), more.end());
      }
    }
  }
  std::sort(rules.begin(), rules.end());
  return rules;
}

bool Grants::IsAbove(const Name& name, BootTime now) const {
  return std::any_of(by_target_.begin(), by_target_.end(), [&](const auto& entry) {
    return entry.first.IsWithin(name) &&
           std::any_of(entry.second.begin(), entry.second.end(),
                       [now](const Grant& grant) { return now < grant.until; });
  });
}

bool Grants::HasRoom(const Grant& grant, BootTime now) const {
  size_t others = 0;  // live targets
  size_t known_others = 0;
  bool replaces = false;
  for (const auto& [target, known] : by_target_) {
    const bool same = target == grant.target;
    bool lives = false;
    for (const Grant& other : known) {
      if (other.rule_host == grant.rule_host) {
        known_others += same ? 0 : 1;
        lives = lives || now < other.until;
        replaces = replaces || (same && other.depth == grant.depth);
      }
    }
    others += lives && !same ? 1 : 0;
  }
  return others < kPerRuleHost && (replaces || (known_others < kKnownPerRuleHost && size_ < kMax));
}

std::vector<Grant> Grants::All() const {
  std::vector<Grant> all;
  for (const auto& [target, known] : by_target_) {
    all.insert(all.end(), known.begin(), known.end());
  }
  std::sort(all.begin(), all.end());
  return all;
}

template <typename Predicate>
void Grants::EraseIf(Predicate predicate) {
  absl::erase_if(by_target_, [&](auto& entry) {
    size_ -= std::erase_if(entry.second, predicate);
    return entry.second.empty();
  });
}

void Grants::KeepWhatStands(const Permissions& permissions) {
  const auto ends_if = [&](uint8_t depth, const auto& loses_parent) {
    EraseIf([&](const Grant& grant) {
      const bool ends =
          grant.depth == depth && (!MayBeTarget(grant.target, grant.rule_host, permissions) ||
                                   (grant.parent != grant.target && loses_parent(grant)));
      if (ends) {
        LeaveOut(grant.until + kRemembered);
      }
      return ends;
    });
  };
  ends_if(
      1, [&](const Grant& grant) { return !IsListed(grant.parent, grant.rule_host, permissions); });
  std::set<std::pair<std::string, Name>> parents;
  for (const Grant& grant : All()) {
    if (grant.depth == 1) {
      parents.insert({grant.rule_host, grant.target});
    }
  }
  ends_if(2, [&](const Grant& grant) {
    return !parents.contains({grant.rule_host, grant.parent});
  });
}

void Grants::Expire(BootTime now) {
  if (expired_at_ && now - *expired_at_ >= kRemembered) {
    LeaveOut(now + kRemembered);
  }
  expired_at_ = now;
  EraseIf([now](const Grant& grant) { return grant.until + kRemembered <= now; });
}

std::optional<GrantBounds> BoundsOf(const Name& parent, std::string_view rule_host,
                                    const Grants& grants, const Permissions& permissions,
                                    BootTime now) {
  const Permission own = permissions.Judge(parent);
  const auto rules = permissions.PinningUnder(rule_host);
  if (own.standing == Standing::kPinned) {
    const bool first = !rules.empty() && own.pinned.front() == rules.front();
    return first ? std::optional(GrantBounds{}) : std::nullopt;
  }
  const Grant* const grant = own.LeavesRoom() ? grants.Find(rule_host, parent, now, 1) : nullptr;
  if (grant == nullptr || grant->until <= now) {
    return std::nullopt;
  }
  return GrantBounds{Grants::kDepthMax, grant->until};
}

GrantJudgement JudgeGrant(const GrantRequest& request, const Grants& grants,
                          const Permissions& permissions, BootTime now) {
  using Kind = GrantJudgement::Kind;
  if (permissions.PinningUnder(request.rule_host).empty()) {
    return {Kind::kWrong, {}, "a rule host that pins nothing"};
  }
  if (!MayBeTarget(request.target, request.rule_host, permissions)) {
    return {Kind::kWrong, {}, "a target that is refused, or no host"};
  }
  const auto bounds = BoundsOf(request.parent, request.rule_host, grants, permissions, now);
  if (!bounds) {
    const bool known = permissions.Judge(request.parent).LeavesRoom() &&
                       grants.Find(request.rule_host, request.parent, now) != nullptr;
    return {known || grants.MayMiss(now) ? Kind::kLeftOut : Kind::kWrong,
            {},
            "a parent that nothing lists"};
  }
  if (request.parent == request.target || !permissions.Judge(request.target).LeavesRoom()) {
    return {Kind::kLeftOut, {}, {}};
  }
  Grant grant{request.rule_host, request.target, request.parent, bounds->depth,
              std::min(now + std::chrono::seconds(request.ttl_s), bounds->until)};
  if (!grants.HasRoom(grant, now)) {
    return {Kind::kLeftOut, {}, {}};
  }
  return {Kind::kStands, std::move(grant), {}};
}

}  // namespace dnspin
