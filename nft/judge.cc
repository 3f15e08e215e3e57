#include "nft/judge.h"

#include <algorithm>

#include "pinning/check.h"
#include "pinning/special_address.h"

namespace dnspin {
namespace {

constexpr std::string_view kBadTtl = "a TTL out of bounds";
constexpr std::string_view kNoSuchPolicy = "under a policy that does not exist";
constexpr std::string_view kUnlisted = "a name that no rule lists";

bool MayBeTold(uint32_t ttl_s, const Policy& policy) {
  return ttl_s >= 1 && std::chrono::seconds(ttl_s) <= policy.terms.told_max;
}

// `may_be_private` says it of the name; it is dear, and seldom asked.
template <typename MayBePrivate>
bool IsPinnable(const Address& address, const Policy& policy, MayBePrivate may_be_private) {
  const AddressKind kind = KindOf(address);
  return kind != AddressKind::kNever && !IsOwn(address, policy.own) &&
         (kind != AddressKind::kPrivate || may_be_private()) && policy.HasFamily(address.family());
}

// What is wrong with the request by this policy; empty: nothing. `permission` is what the rules,
// or else the grants, say of its name.
std::string_view Objection(const PinRequest& request, const Policy& policy,
                           const Permissions& permissions, const Permission& permission,
                           bool granted) {
  if (!MayBeTold(request.told_s, policy)) {
    return kBadTtl;
  }
  if (permission.standing != Standing::kPinned) {
    return kUnlisted;
  }
  if (!granted && permissions.HostOf(permission.pinned.front()) != request.rule_host) {
    return "a rule host that does not list the name first";
  }
  for (const Address& address : request.addresses) {
    if (!IsPinnable(address, policy,
                    [&] { return !granted && permissions.MayRebind(request.asked); })) {
      return "a forbidden address, or one of a family that the client lacks,";
    }
  }
  return {};
}

std::vector<Ledger::Place> PlacesOf(const Positions& pinned, const Permissions& permissions,
                                    const std::vector<PinGroup>& groups) {
  std::vector<Ledger::Place> places;
  for (const uint32_t position : pinned) {
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const PinGroup& candidate) {
      return std::binary_search(candidate.rules.begin(), candidate.rules.end(), position);
    });
    DNSPIN_CHECK(group != groups.end());  // every rule that pins has one
    if (std::none_of(places.begin(), places.end(),
                     [&](const Ledger::Place& place) { return place.group == group->number; })) {
      places.push_back({group->number, permissions.HostOf(position)});
    }
  }
  return places;
}

}  // namespace

bool MayPin(const Address& address, const Name& asked, const Policy& policy,
            const Permissions& permissions) {
  return IsPinnable(address, policy, [&] { return permissions.MayPinPrivate(asked); });
}

std::vector<Ledger::Place> PlacesOfHolder(std::string_view rule_host, const Name& asked,
                                          const Permissions& permissions,
                                          const std::vector<PinGroup>& groups) {
  const Permission own = permissions.Judge(asked);
  if (!own.LeavesRoom()) {
    return PlacesOf(own.pinned, permissions, groups);
  }
  return MayBeTarget(asked, rule_host, permissions)
             ? PlacesOf(permissions.PinningUnder(rule_host), permissions, groups)
             : std::vector<Ledger::Place>();
}

Judgement Judge(const PinRequest& request, const Policy& policy, const Permissions& permissions,
                const std::vector<PinGroup>& groups, const Grants& grants, BootTime now) {
  Judgement judgement;
  if (request.generation > policy.generation) {
    judgement.why = kNoSuchPolicy;
    return judgement;
  }
  Permission permission = permissions.Judge(request.asked);
  bool late = request.generation < policy.generation;
  const bool granted = permission.LeavesRoom();  // or else it is not allowed at all
  if (granted) {
    const Grant* const grant = grants.Find(request.rule_host, request.asked, now);
    const auto rules = grants.RulesFor(request.asked, permissions, now);
    if (grant != nullptr && now < grant->until && !rules.empty()) {
      permission = {permissions.StandingUnder(rules), rules.front(), rules};
    } else {
      late = late || grant != nullptr || grants.MayMiss(now);
    }
  }
  judgement.why = Objection(request, policy, permissions, permission, granted);
  if (!judgement.why.empty()) {
    judgement.kind = late ? Judgement::Kind::kStale : Judgement::Kind::kBreach;
    return judgement;
  }
  judgement.kind = Judgement::Kind::kStands;
  judgement.places = PlacesOf(permission.pinned, permissions, groups);
  judgement.rule = permission.pinned.front() + 1;
  return judgement;
}

GrantJudgement Judge(const GrantRequest& request, const Policy& policy,
                     const Permissions& permissions, const Grants& grants, BootTime now) {
  using Kind = GrantJudgement::Kind;
  if (request.generation > policy.generation) {
    return {Kind::kWrong, {}, kNoSuchPolicy};
  }
  GrantJudgement judgement = MayBeTold(request.ttl_s, policy)
                                 ? JudgeGrant(request, grants, permissions, now)
                                 : GrantJudgement{Kind::kWrong, {}, kBadTtl};
  if (judgement.kind == Kind::kWrong && request.generation < policy.generation) {
    judgement.kind = Kind::kLeftOut;
  }
  return judgement;
}

}  // namespace dnspin
