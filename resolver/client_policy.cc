#include "resolver/client_policy.h"

#include "pinning/answer.h"
#include "pinning/check.h"

namespace dnspin {

ClientPolicy::ClientPolicy(Policy policy) : policy_(std::move(policy)), permissions_(policy_) {
  for (const Rule& rule : policy_.rules) {
    rule_hosts_.push_back(rule.host ? rule.host->Text() : "");
    if (rule.action != Action::kAccept || !rule.host ||
        rule.host->kind == HostPattern::Kind::kRegex) {
      continue;
    }
    for (Name name = rule.host->name; ancestors_.insert(name).second; name = name.Parent()) {
    }
  }
}

Permission ClientPolicy::Judge(const Name& asked, uint16_t type, Transport transport,
                               std::optional<Address> destination) const {
  Permission permission = permissions_.Judge(asked, transport, destination);
  if (permission.standing == Standing::kProhibited && (type == dns::kDs || type == dns::kDnskey) &&
      ancestors_.contains(asked)) {
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
      return permission.rule < rule_hosts_.size() && !rule_hosts_[permission.rule].empty();
    case Standing::kBlocked:
    case Standing::kProhibited:
      break;
  }
  return false;
}

const std::string& ClientPolicy::RuleHost(const Permission& permission) const {
  DNSPIN_CHECK(!permission.pinned.empty());
  return rule_hosts_.at(permission.pinned.front());
}

}  // namespace dnspin
