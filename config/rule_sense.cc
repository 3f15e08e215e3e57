#include "config/rule_sense.h"

#include "pinning/name_rules.h"

namespace dnspin {
namespace {

constexpr uint16_t kDnsPort = 53;

void JudgeDnsTarget(const Rule& rule, const RuleFields& fields, LineReport& report) {
  const Service& service = rule.service;
  if (service.protocol == Protocol::kIcmp) {
    report.Error(fields[RuleKey::kProto], "specialtarget=dns means tcp and udp, never");
  } else if (service.ports && (service.ports->first > kDnsPort || service.ports->last < kDnsPort)) {
    report.Error(fields[RuleKey::kDstPorts], "specialtarget=dns means port 53, never");
  } else if (rule.action == Action::kDrop && rule.host) {
    report.Error(fields[RuleKey::kSpecialTarget],
                 "a dropped host is refused in DNS as it is, without specialtarget");
  }
}

// There are no addresses to drop for a pattern, so with a port it would do nothing at all.
void JudgeDroppedPattern(const Rule& rule, const RuleFields& fields, LineReport& report) {
  if (rule.RefusesNames()) {
    report.Warning(fields[RuleKey::kDstHost], "a dropped pattern acts in DNS only:");
  } else {
    report.Error(fields[RuleKey::kProto],
                 "a dropped pattern acts in DNS only, where there is no protocol");
  }
}

}  // namespace

void JudgeSense(const Rule& rule, const RuleFields& fields, LineReport& report) {
  if (rule.dns_target) {
    JudgeDnsTarget(rule, fields, report);
  }
  if (report.failed() || !rule.host || rule.host->kind == HostPattern::Kind::kName) {
    return;
  }
  if (rule.action == Action::kDrop) {
    JudgeDroppedPattern(rule, fields, report);
  } else if (rule.host->kind == HostPattern::Kind::kRegex &&
             IndexPatterns({&*rule.host, 1}).Matches(*Name::FromHost("any-stranger.com"))) {
    report.Warning(fields[RuleKey::kDstHost], "strangers' names match, any-stranger.com too:");
  }
}

bool EndsAll(const Rule& rule) {
  return !rule.host && !rule.SpellsAddresses() && rule.service == Service{} && !rule.dns_target &&
         !rule.expire;
}

}  // namespace dnspin
