#include "fuzz/answer_told.h"

#include <algorithm>
#include <string>
#include <vector>

#include "pinning/check.h"
#include "resolver/judged_answer.h"
#include "resolver/octets.h"

namespace dnspin {
namespace {

using oracle::Descent;
using oracle::Entry;
using oracle::Labels;
using std::chrono::seconds;

using OctetSet = std::set<std::string>;

std::string Wire(const Labels& labels) {
  std::string wire;
  for (const std::string& label : labels) {
    wire += static_cast<char>(label.size()) + label;
  }
  return wire + '\0';
}

// What the message's ID asks to be the case.
struct Circumstances {
  bool listed, blocked, rebind_ok, only_ipv4, own, dnssec_ok, late, small;
  BindingTerms bindings;

  Circumstances(uint16_t id, const Name& asked)
      : listed((id & 1) == 0 && asked.IsHost() && !asked.IsRoot()),
        blocked((id & 2) != 0),
        rebind_ok((id & 4) != 0 && asked.IsHost() && !asked.IsRoot()),
        only_ipv4((id & 8) != 0),
        own((id & 16) != 0),
        dnssec_ok((id & 256) != 0),
        late((id & 512) != 0),
        small((id & 1024) != 0),
        bindings{static_cast<BindingTerms::Svcb>((id >> 5 & 3) % 3),
                 static_cast<BindingTerms::Ech>(id >> 7 & 1)} {}
  uint32_t age() const { return late ? 7 : 0; }
};

Rule RuleOf(Action action, HostPattern::Kind kind, const Name& name) {
  Rule rule;
  rule.action = action;
  rule.host = HostPattern{kind, name, ""};
  return rule;
}

// The zone whose drop stands before all other rules, if one does: that of the lineage's last name.
std::optional<Labels> DroppedZone(const Circumstances& now, const Descent& descent) {
  Labels zone = descent.names.back();
  if (!now.blocked || zone.empty()) {
    return std::nullopt;
  }
  if (zone.size() > 1) {
    zone.erase(zone.begin());
  }
  return zone;
}

Policy PolicyOf(const Circumstances& now, const Name& asked, const Descent& descent,
                const OctetSet& own) {
  Policy policy;
  policy.addresses = {*Address::Parse("10.137.0.25")};
  if (!now.only_ipv4) {
    policy.addresses.push_back(*Address::Parse("fd09:24ef:4179::a89:19"));
  }
  if (const auto zone = DroppedZone(now, descent)) {
    policy.rules.push_back(
        RuleOf(Action::kDrop, HostPattern::Kind::kZone, *Name::FromWire(Wire(*zone))));
  }
  if (now.listed) {
    policy.rules.push_back(RuleOf(Action::kAccept, HostPattern::Kind::kName, asked));
  }
  Rule dns;
  dns.action = Action::kAccept;
  dns.dns_target = true;
  policy.rules.push_back(dns);
  if (now.rebind_ok) {
    policy.rebind_ok = {{HostPattern::Kind::kName, asked, ""}};
  }
  policy.bindings = now.bindings;
  for (const std::string& octets : own) {
    policy.own.push_back(*Address::FromBytes(AsOctets(octets)));
  }
  std::sort(policy.own.begin(), policy.own.end());
  return policy;
}

bool IsWithin(const Labels& name, const Labels& zone) {
  return name.size() >= zone.size() && std::equal(zone.rbegin(), zone.rend(), name.rbegin());
}

// What the oracle expects: the code, and the addresses to be told.
struct Expected {
  uint16_t rcode = 0;
  std::map<std::string, uint32_t> addresses;
  OctetSet hints;  // at most these
};

Expected Expect(const oracle::Message& message, const Descent& descent, const Circumstances& now,
                const OctetSet& own) {
  Expected expected;
  if ((message.rcode != dns::kNoError && message.rcode != dns::kNxDomain) || !descent.believed) {
    expected.rcode = dns::kServFail;
    return expected;
  }
  const auto zone = DroppedZone(now, descent);
  if (zone && std::any_of(descent.names.begin(), descent.names.end(),
                          [&](const Labels& name) { return IsWithin(name, *zone); })) {
    expected.rcode = dns::kRefused;
    return expected;
  }
  expected.rcode = message.rcode;
  for (const auto& [octets, ttl] : descent.addresses) {
    const bool foreign = now.listed && now.only_ipv4 && octets.size() != 4;
    if (!foreign && !oracle::IsForbidden(octets, !now.rebind_ok, own)) {
      expected.addresses.emplace(octets, ttl);
    }
  }
  for (const std::string& octets : descent.hints) {
    const bool foreign = now.only_ipv4 && octets.size() != 4;
    if (now.listed && now.bindings.svcb == BindingTerms::Svcb::kPin && !foreign &&
        !oracle::IsForbidden(octets, !now.rebind_ok, own)) {
      expected.hints.insert(octets);
    }
  }
  return expected;
}

// The addresses in octets that leave for a client.
struct Seen {
  OctetSet addresses;
  OctetSet hints;
};

Seen ReadTold(const oracle::Message& reply, const Labels& end) {
  Seen told;
  for (const Entry& entry : reply.answer) {
    if (entry.type == dns::kA || entry.type == dns::kAaaa) {
      DNSPIN_CHECK(entry.owner == end && entry.type == reply.type && entry.klass == dns::kIn);
      told.addresses.insert(entry.rdata);
    } else if (dns::IsServiceBinding(entry.type)) {
      const auto hints = oracle::HintsIn(entry.rdata);
      DNSPIN_CHECK(hints.has_value());
      told.hints.insert(hints->begin(), hints->end());
    }
  }
  for (const auto* section : {&reply.authority, &reply.additional}) {
    for (const Entry& entry : *section) {
      DNSPIN_CHECK(entry.type != dns::kA && entry.type != dns::kAaaa);
      DNSPIN_CHECK(!dns::IsServiceBinding(entry.type));
    }
  }
  return told;
}

OctetSet OctetsOf(const std::vector<Address>& addresses) {
  OctetSet set;
  for (const Address& address : addresses) {
    set.emplace(AsText(address.bytes()));
  }
  return set;
}

// Nobody is told a life that the addresses' own records, or the way there, do not have; and where
// nothing else is told, it is exactly that.
void CheckLife(const oracle::Message& reply, const Expected& expected, const Descent& descent,
               const Circumstances& now, seconds told, const PinTerms& terms) {
  uint32_t own = descent.way_ttl.value_or(UINT32_MAX);
  for (const auto& [octets, ttl] : expected.addresses) {
    own = std::min(own, ttl);
  }
  own -= std::min(own, now.age());
  const uint32_t bound =
      std::clamp<uint32_t>(own, 1, static_cast<uint32_t>(terms.told_max.count()));
  if (!now.dnssec_ok) {
    DNSPIN_CHECK(told == seconds(bound));
  }
  DNSPIN_CHECK(told >= seconds(1) && told <= seconds(bound));
  for (const auto* section : {&reply.answer, &reply.authority}) {
    for (const Entry& entry : *section) {
      DNSPIN_CHECK(seconds(entry.ttl) <= told);
    }
  }
}

}  // namespace

void CheckTold(const Answer& answer, const oracle::Message& message) {
  const Circumstances now(message.id, answer.asked);
  const Descent descent = oracle::Follow(message);
  OctetSet own;
  if (now.own && !descent.addresses.empty()) {
    own = {descent.addresses.begin()->first, std::string("\xC0\0\2\1", 4)};
  }
  const ClientPolicy policy(PolicyOf(now, answer.asked, descent, own));
  const Permission permission =
      policy.Judge(answer.asked, answer.type, Transport::kTcp, std::nullopt);
  if (permission.standing == Standing::kBlocked) {
    return;  // nobody would have asked
  }
  DNSPIN_CHECK(permission.standing == (now.listed ? Standing::kPinned : Standing::kAnswered));
  const Inquiry inquiry{answer.asked, answer.type, now.dnssec_ok, false};
  const JudgedAnswer judged = JudgeAnswer(answer, inquiry, permission, policy);
  const ToldAnswer told = Tell(judged, seconds(now.age()), now.listed, policy.policy().terms);
  Question question;
  question.asked_wire = answer.asked.Wire();
  question.asked = answer.asked;
  question.type = answer.type;
  const std::string octets = EncodeReply(question, told.reply, now.small ? 512 : 65535);
  const auto reply = oracle::Read(octets);
  DNSPIN_CHECK(reply.has_value());
  const Expected expected = Expect(message, descent, now, own);
  DNSPIN_CHECK(reply->rcode == expected.rcode);
  const bool truncated = (static_cast<uint8_t>(octets[2]) & 2) != 0;
  const Seen seen = ReadTold(*reply, descent.names.back());
  OctetSet wanted;
  for (const auto& [address, ttl] : expected.addresses) {
    wanted.insert(address);
  }
  DNSPIN_CHECK(seen.addresses == (truncated ? OctetSet() : wanted));
  DNSPIN_CHECK(std::includes(expected.hints.begin(), expected.hints.end(), seen.hints.begin(),
                             seen.hints.end()));
  const OctetSet pinned = OctetsOf(judged.addresses);
  if (!now.listed) {
    DNSPIN_CHECK(pinned.empty());
    return;
  }
  wanted.insert(seen.hints.begin(), seen.hints.end());
  DNSPIN_CHECK(truncated ? std::includes(pinned.begin(), pinned.end(), wanted.begin(), wanted.end())
                         : pinned == wanted);
  if (!expected.addresses.empty()) {
    CheckLife(*reply, expected, descent, now, told.told, policy.policy().terms);
  }
}

}  // namespace dnspin
