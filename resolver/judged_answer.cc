#include "resolver/judged_answer.h"

#include <algorithm>

#include "pinning/special_address.h"
#include "resolver/negative_answer.h"
#include "resolver/octets.h"
#include "resolver/service_binding.h"
#include "resolver/signatures.h"
#include "resolver/special_name.h"
#include "resolver/target.h"
#include "resolver/wire.h"

namespace dnspin {

using std::chrono::seconds;

namespace {

constexpr size_t kHintsMax = 256;  // of one answer
constexpr uint32_t kFilteredTtl = 5;
constexpr uint32_t kNoFamilyTtl = 60;

JudgedAnswer Refusal(uint8_t rcode, uint16_t ede) {
  JudgedAnswer judged;
  judged.reply.rcode = rcode;
  judged.reply.ede = ede;
  judged.ours = true;
  return judged;
}

JudgedAnswer Empty(const Name& asked, uint32_t ttl) {
  JudgedAnswer judged;
  judged.reply.authority.push_back(LocalSoa(asked, ttl));
  judged.ours = true;
  return judged;
}

uint16_t EdeOf(UpstreamFailure failure) {
  switch (failure) {
    case UpstreamFailure::kSilence:
      return dns::kEdeNoReachableAuthority;
    case UpstreamFailure::kNetwork:
      return dns::kEdeNetworkError;
    case UpstreamFailure::kInvalid:
      break;
  }
  return dns::kEdeInvalidData;
}

std::optional<Address> AddressOf(const Record& record) {
  const size_t octets = record.type == dns::kA ? 4 : 16;
  return record.rdata.size() == octets ? Address::FromBytes(AsOctets(record.rdata)) : std::nullopt;
}

bool MayBeTold(const Address& address, const Name& asked, Standing standing,
               const ClientPolicy& policy) {
  if (IsOwn(address, policy.policy().own)) {
    return false;
  }
  switch (KindOf(address)) {
    case AddressKind::kOrdinary:
      return true;
    case AddressKind::kPrivate:
      return standing == Standing::kPinned
                 ? policy.permissions().MayPinPrivate(asked)
                 : policy.permissions().MayRebind(asked) ||
                       (standing == Standing::kAnswered && policy.permissions().Reaches(address));
    case AddressKind::kNever:
      break;
  }
  return false;
}

// The records that the question was about, after judging.
struct End {
  std::vector<Record> records;
  std::vector<Address> addresses;
  bool changed = false;  // some were removed or rewritten
  size_t hints = 0;      // looked at
};

// Hints are addresses: what is told of a pinned name is pinned with it, what is not pinned is not
// told. Nobody needs all of very many.
bool TakeHint(const Address& hint, const Name& asked, Standing standing, const ClientPolicy& policy,
              End& end) {
  if (standing != Standing::kPinned || policy.policy().bindings.svcb != BindingTerms::Svcb::kPin ||
      ++end.hints > kHintsMax || !policy.policy().HasFamily(hint.family()) ||
      !MayBeTold(hint, asked, standing, policy)) {
    return false;
  }
  if (std::find(end.addresses.begin(), end.addresses.end(), hint) == end.addresses.end()) {
    end.addresses.push_back(hint);
  }
  return true;
}

void JudgeEndRecord(const Record& record, const Name& asked, Standing standing,
                    const ClientPolicy& policy, End& end) {
  if (record.type == dns::kA || record.type == dns::kAaaa) {
    const auto address = AddressOf(record);
    if (!address || !MayBeTold(*address, asked, standing, policy)) {
      end.changed = true;
      return;
    }
    end.records.push_back(record);
    end.addresses.push_back(*address);
    return;
  }
  end.records.push_back(record);
  if (dns::IsServiceBinding(record.type)) {
    const auto keeps = [&](const Address& hint) {
      return TakeHint(hint, asked, standing, policy, end);
    };
    const auto filtered = Filtered(record.rdata, keeps, policy.policy().bindings.ech);
    end.changed = end.changed || !filtered || record.rdata != *filtered;
    if (filtered) {
      end.records.back().rdata = *filtered;
    } else {
      end.records.pop_back();
    }
  }
}

bool ClientHasFamilyOf(uint16_t type, const ClientPolicy& policy) {
  return (type != dns::kA || policy.policy().HasFamily(Family::kIpv4)) &&
         (type != dns::kAaaa || policy.policy().HasFamily(Family::kIpv6));
}

// What the answer says there is not: its SOA, told as long as the absence may be remembered.
void AddAbsence(const Answer& answer, const Name& end, Reply& reply) {
  if (const Record* const soa = SoaFor(answer, end)) {
    reply.authority.push_back(*soa);
    reply.authority.back().ttl = NegativeTtl(*soa);
  }
}

// Names that are answered here are nobody's targets.
std::vector<Name> TargetsOf(const std::vector<Record>& records) {
  std::vector<Name> targets;
  for (const Record& record : records) {
    auto target = TargetOf(record);
    if (target && !LocalReply(*target, dns::kA) &&
        std::find(targets.begin(), targets.end(), *target) == targets.end()) {
      targets.push_back(*std::move(target));
    }
  }
  return targets;
}

JudgedAnswer JudgeLineage(const Answer& answer, const Lineage& lineage, const Inquiry& inquiry,
                          Standing standing, const ClientPolicy& policy) {
  const Name& end_name = lineage.names.back();
  JudgedAnswer judged;
  Reply& reply = judged.reply;
  reply.rcode = answer.rcode;
  End end;
  for (const Record& record : lineage.records) {
    if (record.type != answer.type || record.owner != end_name) {
      reply.answer.push_back(record);
    } else if (answer.rcode == dns::kNoError) {
      JudgeEndRecord(record, inquiry.asked, standing, policy, end);
    }
  }
  if (end.records.empty() && end.changed) {
    judged = Empty(inquiry.asked, kFilteredTtl);
    judged.reply.ede = dns::kEdeFiltered;
    return judged;
  }
  if (standing == Standing::kPinned && !end.records.empty()) {
    if (!ClientHasFamilyOf(answer.type, policy)) {
      return Empty(inquiry.asked, kNoFamilyTtl);
    }
    judged.addresses = std::move(end.addresses);
  }
  if (end.records.empty()) {
    AddAbsence(answer, end_name, reply);
  }
  reply.answer.insert(reply.answer.end(), end.records.begin(), end.records.end());
  if (standing == Standing::kPinned) {
    judged.targets = TargetsOf(reply.answer);
  }
  if (inquiry.dnssec_ok) {
    AddSignatures(answer, end.changed ? &end_name : nullptr, reply);
  }
  for (const Record& record : reply.answer) {
    judged.ttl = std::min(judged.ttl, record.ttl);
  }
  return judged;
}

}  // namespace

JudgedAnswer JudgeAnswer(const UpstreamResult& result, const Inquiry& inquiry,
                         const Permission& permission, const ClientPolicy& policy) {
  if (const auto* const failure = std::get_if<UpstreamFailure>(&result)) {
    return Refusal(dns::kServFail, EdeOf(*failure));
  }
  const Answer& answer = std::get<Answer>(result);
  if (answer.rcode != dns::kNoError && answer.rcode != dns::kNxDomain) {
    return Refusal(dns::kServFail, dns::kEdeNoReachableAuthority);
  }
  const auto walked = Walk(answer);
  const auto* const lineage = std::get_if<Lineage>(&walked);
  if (lineage == nullptr) {
    return Refusal(dns::kServFail, dns::kEdeInvalidData);
  }
  // What is pinned is so by the first rule that pins, wherever the one stands that lets it be
  // asked.
  const uint32_t allowed = permission.pinned.empty()
                               ? permission.rule
                               : std::max(permission.rule, permission.pinned.front());
  for (const Name& name : lineage->names) {
    if (policy.permissions().Refuses(name, allowed)) {
      return Refusal(dns::kRefused, dns::kEdeBlocked);
    }
  }
  if (permission.standing == Standing::kNotReady) {
    return Refusal(dns::kServFail, dns::kEdeNotReady);
  }
  return JudgeLineage(answer, *lineage, inquiry, permission.standing, policy);
}

seconds LeftToTell(const JudgedAnswer& judged, seconds age, const PinTerms& terms) {
  return Told(judged.ttl - static_cast<uint32_t>(std::min<int64_t>(judged.ttl, age.count())),
              terms);
}

ToldAnswer Tell(const JudgedAnswer& judged, seconds age, bool listed, const PinTerms& terms) {
  ToldAnswer told{judged.reply, seconds(0)};
  if (judged.ours) {
    return told;
  }
  for (auto* const section : {&told.reply.answer, &told.reply.authority}) {
    for (Record& record : *section) {
      record.ttl -= static_cast<uint32_t>(std::min<int64_t>(record.ttl, age.count()));
    }
  }
  if (!listed) {
    return told;
  }
  // Of a pinned name, what is told lives as long as its pin does, less the slack: all of it alike.
  told.told = judged.addresses.empty() ? terms.told_max : LeftToTell(judged, age, terms);
  const auto bound = static_cast<uint32_t>(told.told.count());
  for (Record& record : told.reply.answer) {
    record.ttl = judged.addresses.empty() ? std::min(record.ttl, bound) : bound;
  }
  for (Record& record : told.reply.authority) {
    record.ttl = std::min(record.ttl, bound);
  }
  return told;
}

}  // namespace dnspin
