#include "pinning/permission.h"

#include <algorithm>

namespace dnspin {
namespace {

constexpr uint16_t kDnsPort = 53;

Protocol ProtocolOf(Transport transport) {
  return transport == Transport::kUdp ? Protocol::kUdp : Protocol::kTcp;
}

bool Concerns(const Service& service, Protocol protocol, uint16_t port) {
  if (service.protocol != Protocol::kAny && service.protocol != protocol) {
    return false;
  }
  return !service.ports || (service.ports->first <= port && port <= service.ports->last);
}

}  // namespace

Permissions::Permissions(const Policy& policy)
    : rules_(policy.rules),
      hosts_(IndexHosts(policy.rules)),
      rebind_ok_(IndexPatterns(policy.rebind_ok)),
      intercept_any_(policy.intercept_any),
      intercept_(policy.intercept),
      closed_from_(policy.closed_from) {
  if (policy.reaches_upstreams) {
    for (const Upstream& upstream : policy.upstreams) {
      upstreams_.push_back(upstream.endpoint.address);
    }
  }
  says_.reserve(rules_.size());
  for (uint32_t position = 0; position < rules_.size(); ++position) {
    // A file of addresses lets nobody ask for names, and has no private addresses: whoever decides
    // here need not know what is in it.
    if (!rules_[position].host && !rules_[position].networks) {
      hostless_.push_back(position);
    }
    says_.push_back(SaysOf(rules_[position]));
  }
  for (const Transport transport : {Transport::kUdp, Transport::kTcp}) {
    open_.at(static_cast<size_t>(transport)) = RuleForQuestion(transport, std::nullopt);
  }
}

std::string_view StandingText(Standing standing) {
  switch (standing) {
    case Standing::kPinned:
      return "pinned";
    case Standing::kAnswered:
      return "answered";
    case Standing::kBlocked:
      return "blocked";
    case Standing::kNotReady:
      return "not ready";
    case Standing::kProhibited:
      break;
  }
  return "prohibited";
}

Permissions::Says Permissions::SaysOf(const Rule& rule) {
  if (rule.RefusesNames()) {
    return Says::kRefuse;
  }
  if (rule.PinsNames()) {
    return Says::kPin;
  }
  return rule.host && rule.action == Action::kAccept ? Says::kAllow : Says::kNothing;
}

// The accept rule that lets a question to `destination` (null: not known) out. What is not known is
// read the closed way: an accept of an address does not match it, a drop of one does.
std::optional<uint32_t> Permissions::RuleForQuestionTo(Protocol protocol,
                                                       const Address* destination) const {
  for (const uint32_t position : hostless_) {
    const Rule& rule = rules_[position];
    if (!Concerns(rule.service, protocol, kDnsPort)) {
      continue;
    }
    const bool accepts = rule.action == Action::kAccept;
    if (rule.destination &&
        !(destination != nullptr ? rule.destination->Contains(*destination) : !accepts)) {
      continue;
    }
    return accepts ? std::optional(position) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<uint32_t> Permissions::RuleForQuestion(Transport transport,
                                                     const Address* destination) const {
  const auto rule = RuleForQuestionTo(ProtocolOf(transport), destination);
  // A resolver may always turn to TCP (RFC 7766): permission for UDP includes it.
  return rule || transport == Transport::kUdp ? rule
                                              : RuleForQuestionTo(Protocol::kUdp, destination);
}

// A redirected datagram does not say which of the intercepted addresses it was sent to: it must be
// free to reach each.
std::optional<uint32_t> Permissions::RuleForQuestionAnywhere(Transport transport) const {
  if (intercept_any_ || intercept_.empty()) {
    return RuleForQuestion(transport, nullptr);
  }
  uint32_t last = 0;
  for (const Address& address : intercept_) {
    const auto rule = RuleForQuestion(transport, &address);
    if (!rule) {
      return std::nullopt;
    }
    last = std::max(last, *rule);
  }
  return last;
}

std::optional<uint32_t> Permissions::RuleForQuestion(Transport transport,
                                                     std::optional<Address> destination) const {
  auto rule =
      destination ? RuleForQuestion(transport, &*destination) : RuleForQuestionAnywhere(transport);
  for (size_t i = 0; !rule && i < upstreams_.size(); ++i) {
    rule = RuleForQuestion(transport, &upstreams_[i]);
  }
  return rule;
}

Permission Permissions::Judge(const Name& asked, Transport transport,
                              std::optional<Address> destination) const {
  const std::optional<uint32_t> open = destination ? RuleForQuestion(transport, destination)
                                                   : open_.at(static_cast<size_t>(transport));
  const Positions matching = hosts_.Matching(asked);
  const bool is_host = !matching.empty() && asked.IsHost();
  std::optional<uint32_t> allowed;  // the first rule that lets the name be asked
  Positions pinned;
  for (const uint32_t position : matching) {
    const Says says = says_[position];
    if (says == Says::kRefuse) {
      if (!allowed && !(open && *open < position)) {
        return {Standing::kBlocked, position, {}};
      }
      break;
    }
    if (says != Says::kNothing && is_host) {
      allowed = allowed.value_or(position);
      if (says == Says::kPin) {
        pinned.push_back(position);
      }
    }
  }
  if (!allowed && !open) {
    return {Standing::kProhibited, 0, {}};
  }
  const uint32_t rule = std::min(allowed.value_or(UINT32_MAX), open.value_or(UINT32_MAX));
  if (pinned.empty()) {
    return {Standing::kAnswered, rule, {}};
  }
  const Standing standing = StandingUnder(pinned);
  return {standing, rule, std::move(pinned)};
}

Standing Permissions::StandingUnder(const Positions& pinned) const {
  return pinned.empty() || pinned.front() > closed_from_ ? Standing::kNotReady : Standing::kPinned;
}

bool Permissions::Refuses(const Name& name, uint32_t rule) const {
  const auto matching = hosts_.Matching(name);
  return std::any_of(matching.begin(), matching.end(), [&](uint32_t position) {
    return position < rule && says_[position] == Says::kRefuse;
  });
}

Positions Permissions::PinningUnder(std::string_view host) const {
  const auto pattern = HostPattern::FromText(host);
  Positions positions = pattern ? hosts_.Same(*pattern) : Positions();
  positions.erase(
      std::remove_if(positions.begin(), positions.end(),
                     [this](uint32_t position) { return says_[position] != Says::kPin; }),
      positions.end());
  return positions;
}

const SharedText& Permissions::HostOf(uint32_t position) const {
  host_texts_.resize(rules_.size());
  SharedText& text = host_texts_.at(position);
  if (text.empty()) {
    text = SharedText(rules_[position].host->Text());
  }
  return text;
}

bool Permissions::Reaches(const Address& address) const {
  for (const uint32_t position : hostless_) {
    const Rule& rule = rules_[position];
    if (rule.dns_target || (rule.destination && !rule.destination->Contains(address))) {
      continue;
    }
    if (rule.action == Action::kAccept) {
      return true;
    }
    if (rule.service == Service{}) {
      return false;
    }
  }
  return false;
}

}  // namespace dnspin
