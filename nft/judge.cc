#include "nft/judge.h"

#include <algorithm>

#include "pinning/check.h"
#include "pinning/special_address.h"

namespace dnspin {
namespace {

// What is wrong with the request by this policy; empty: nothing.
std::string Objection(const PinRequest& request, const Policy& policy,
                      const Permissions& permissions, const Permission& permission) {
  if (request.told_s < 1 || std::chrono::seconds(request.told_s) > policy.terms.told_max) {
    return "a TTL out of bounds";
  }
  if (permission.standing != Standing::kPinned) {
    return "a name that no rule lists";
  }
  if (policy.rules[permission.pinned.front()].host->Text() != request.rule_host) {
    return "a rule host that does not list the name first";
  }
  for (const Address& address : request.addresses) {
    if (!MayPin(address, request.asked, policy, permissions)) {
      return "a forbidden address, or one of a family that the client lacks,";
    }
  }
  return {};
}

// A listed name is listed however it is asked: transport and destination do not matter here.
Permission PermissionOf(const Name& asked, const Permissions& permissions) {
  return permissions.Judge(asked, Transport::kTcp, std::nullopt);
}

std::vector<Ledger::Place> PlacesOf(const Permission& permission, const Policy& policy,
                                    const std::vector<PinGroup>& groups) {
  std::vector<Ledger::Place> places;
  for (const uint32_t position : permission.pinned) {
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const PinGroup& candidate) {
      return std::binary_search(candidate.rules.begin(), candidate.rules.end(), position);
    });
    DNSPIN_CHECK(group != groups.end());  // every rule that pins has one
    if (std::none_of(places.begin(), places.end(),
                     [&](const Ledger::Place& place) { return place.group == group->number; })) {
      places.push_back({group->number, policy.rules[position].host->Text()});
    }
  }
  return places;
}

}  // namespace

bool MayPin(const Address& address, const Name& asked, const Policy& policy,
            const Permissions& permissions) {
  const AddressKind kind = KindOf(address);
  return kind != AddressKind::kNever && !IsOwn(address, policy.own) &&
         (kind != AddressKind::kPrivate || permissions.MayRebind(asked)) &&
         policy.HasFamily(address.family());
}

std::vector<Ledger::Place> PlacesOf(const Name& asked, const Policy& policy,
                                    const Permissions& permissions,
                                    const std::vector<PinGroup>& groups) {
  return PlacesOf(PermissionOf(asked, permissions), policy, groups);
}

Judgement Judge(const PinRequest& request, const Policy& policy, const Permissions& permissions,
                const std::vector<PinGroup>& groups) {
  Judgement judgement;
  if (request.generation > policy.generation) {
    judgement.why = "under a policy that does not exist";
    return judgement;
  }
  const Permission permission = PermissionOf(request.asked, permissions);
  judgement.why = Objection(request, policy, permissions, permission);
  if (!judgement.why.empty()) {
    judgement.kind =
        request.generation < policy.generation ? Judgement::Kind::kStale : Judgement::Kind::kBreach;
    return judgement;
  }
  judgement.kind = Judgement::Kind::kStands;
  judgement.places = PlacesOf(permission, policy, groups);
  judgement.rule = permission.pinned.front() + 1;
  return judgement;
}

}  // namespace dnspin
