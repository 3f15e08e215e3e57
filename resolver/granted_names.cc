#include "resolver/granted_names.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "pinning/answer.h"

namespace dnspin {

using std::chrono::seconds;

void GrantedNames::SetPolicy(const ClientPolicy& policy, BootTime now) {
  grants_.Expire(now);
  grants_.KeepWhatStands(policy.permissions());
  for (const auto& grant : policy.policy().grants) {
    grants_.Add(grant);
  }
}

Permission GrantedNames::Judge(const Name& asked, uint16_t type, Permission own,
                               const ClientPolicy& policy, BootTime now) const {
  if (!own.LeavesRoom()) {
    return own;
  }
  auto rules = grants_.RulesFor(asked, policy.permissions(), now);
  if (rules.empty()) {
    const bool trust = type == dns::kDs || type == dns::kDnskey;
    const bool above =
        own.standing == Standing::kProhibited && trust && grants_.IsAbove(asked, now);
    return above ? policy.OfTrust() : own;
  }
  const uint32_t first = rules.front();
  const Standing standing = policy.permissions().StandingUnder(rules);
  return {standing, first, std::move(rules), true};
}

void GrantedNames::Grant(GrantRequest answer, const std::vector<Name>& targets,
                         const ClientPolicy& policy, BootTime now) {
  if (std::none_of(targets.begin(), targets.end(), [&](const Name& target) {
        return policy.permissions().Judge(target).LeavesRoom();
      })) {
    return;  // what they are the rules say themselves
  }
  grants_.Expire(now);
  const auto bounds = BoundsOf(answer.parent, answer.rule_host, grants_, policy.permissions(), now);
  if (!bounds) {
    return;
  }
  const BootTime until = std::min(now + seconds(answer.ttl_s), bounds->until);
  for (const Name& target : targets) {
    const auto* const known = grants_.Find(answer.rule_host, target, now, bounds->depth);
    if (known != nullptr && until <= known->until + seconds(1)) {
      continue;  // the same answer again, from the cache
    }
    answer.target = target;
    GrantJudgement judgement = JudgeGrant(answer, grants_, policy.permissions(), now);
    if (judgement.kind == GrantJudgement::Kind::kStands && firewall_.Grant(answer)) {
      grants_.Add(std::move(judgement.grant));
    }
  }
}

}  // namespace dnspin
