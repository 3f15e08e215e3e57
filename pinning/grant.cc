#include "pinning/grant.h"

#include <algorithm>
#include <optional>

namespace dnspin {
namespace {

// How many steps `parent` is away from a name that `rule_host` lists, if it is of that lineage.
std::optional<uint8_t> DepthOf(const Name& parent, const std::string& rule_host,
                               const Grants& grants, const Permissions& permissions, BootTime now) {
  const Permission own = permissions.Judge(parent);
  if (own.standing == Standing::kPinned) {
    const bool first = own.pinned.front() == permissions.PinningUnder(rule_host).front();
    return first ? std::optional<uint8_t>(0) : std::nullopt;
  }
  const Grant* const grant = own.LeavesRoom() ? grants.Find(rule_host, parent, now) : nullptr;
  return grant == nullptr ? std::nullopt : std::optional(grant->depth);
}

}  // namespace

bool MayBeTarget(const Name& target, const std::string& rule_host, const Permissions& permissions) {
  const auto rules = permissions.PinningUnder(rule_host);
  return !rules.empty() && target.IsHost() && !target.IsRoot() &&
         !permissions.Refuses(target, rules.front());
}

void Grants::Add(Grant grant) {
  auto& known = by_target_[grant.target];
  const auto same = std::find_if(known.begin(), known.end(), [&](const Grant& other) {
    return other.rule_host == grant.rule_host;
  });
  if (same == known.end()) {
    known.push_back(std::move(grant));
    ++size_;
    return;
  }
  same->until = std::max(same->until, grant.until);
  same->depth = std::min(same->depth, grant.depth);
}

const Grant* Grants::Find(const std::string& rule_host, const Name& target, BootTime now) const {
  const auto known = by_target_.find(target);
  if (known == by_target_.end()) {
    return nullptr;
  }
  const auto found =
      std::find_if(known->second.begin(), known->second.end(), [&](const Grant& grant) {
        return grant.rule_host == rule_host && now < grant.until + kRemembered;
      });
  return found == known->second.end() ? nullptr : &*found;
}

std::vector<uint32_t> Grants::RulesFor(const Name& target, const Permissions& permissions,
                                       BootTime now) const {
  std::vector<uint32_t> rules;
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

bool Grants::HasRoom(const std::string& rule_host, BootTime now) const {
  size_t count = 0;
  for (const auto& [target, known] : by_target_) {
    count += static_cast<size_t>(std::count_if(known.begin(), known.end(), [&](const Grant& grant) {
      return now < grant.until && grant.rule_host == rule_host;
    }));
  }
  return count < kPerRuleHost && size_ < kMax;
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
  EraseIf(
      [&](const Grant& grant) { return !MayBeTarget(grant.target, grant.rule_host, permissions); });
}

void Grants::Expire(BootTime now) {
  if (expired_at_ && now - *expired_at_ >= kRemembered) {
    LeaveOut(now + kRemembered);
  }
  expired_at_ = now;
  EraseIf([now](const Grant& grant) { return grant.until + kRemembered <= now; });
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
  const auto depth = DepthOf(request.parent, request.rule_host, grants, permissions, now);
  if (!depth) {
    return {grants.MayMiss(now) ? Kind::kLeftOut : Kind::kWrong, {}, "a parent that nothing lists"};
  }
  if (*depth >= Grants::kDepthMax || !permissions.Judge(request.target).LeavesRoom()) {
    return {Kind::kLeftOut, {}, {}};
  }
  const Grant* const known = grants.Find(request.rule_host, request.target, now);
  const bool lives = known != nullptr && now < known->until;
  if (!lives && !grants.HasRoom(request.rule_host, now)) {
    return {Kind::kLeftOut, {}, {}};
  }
  return {Kind::kStands,
          {request.rule_host, request.target, static_cast<uint8_t>(*depth + 1),
           now + std::chrono::seconds(request.ttl_s)},
          {}};
}

}  // namespace dnspin
