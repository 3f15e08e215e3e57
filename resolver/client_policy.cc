#include "resolver/client_policy.h"

#include "pinning/answer.h"
#include "pinning/check.h"

namespace dnspin {
namespace {

absl::string_view WireOf(const Name& name) { return {name.Wire().data(), name.Wire().size()}; }

}  // namespace

ClientPolicy::ClientPolicy(Policy policy) : policy_(std::move(policy)), permissions_(policy_) {
  for (const Rule& rule : policy_.rules) {
    if (rule.action != Action::kAccept || !rule.host ||
        rule.host->kind == HostPattern::Kind::kRegex) {
      continue;
    }
    absl::string_view wire = WireOf(rule.host->name);
    while (ancestors_.insert(wire).second && wire.front() != '\0') {
      wire.remove_prefix(1 + static_cast<uint8_t>(wire.front()));
    }
  }
}

Permission ClientPolicy::Judge(const Name& asked, uint16_t type, Transport transport,
                               std::optional<Address> destination) const {
  Permission permission = permissions_.Judge(asked, transport, destination);
  if (permission.standing == Standing::kProhibited && (type == dns::kDs || type == dns::kDnskey) &&
      ancestors_.contains(WireOf(asked))) {
    return OfTrust();
  }
  return permission;
}

Permission ClientPolicy::OfTrust() const {
  return {Standing::kAnswered, static_cast<uint32_t>(policy_.rules.size()), {}};
}

bool ClientPolicy::Lists(const Permission& permission) const {
  switch (permission.standing) {
    case Standing::kPinned:
    case Standing::kNotReady:
      return true;
    case Standing::kAnswered:
      return permission.rule < policy_.rules.size() && policy_.rules[permission.rule].host;
    case Standing::kBlocked:
    case Standing::kProhibited:
      break;
  }
  return false;
}

std::string ClientPolicy::RuleHost(const Permission& permission) const {
  DNSPIN_CHECK(!permission.pinned.empty());
  return policy_.rules[permission.pinned.front()].host->Text();
}

}  // namespace dnspin
