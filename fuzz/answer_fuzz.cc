// An upstream's message: what the pre-validator lets through, ldns reads as we do; what we say
// again is read again as the same; and only addresses that descend from the question come out of
// it.
#include <algorithm>
#include <set>
#include <span>
#include <variant>

#include "pinning/check.h"
#include "pinning/lineage.h"
#include "resolver/reply.h"
#include "resolver/service_binding.h"
#include "resolver/wire.h"

namespace dnspin {
namespace {

std::span<const uint8_t> Octets(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// hardening.md R-c20.
void CheckRoundTrip(const Answer& answer) {
  Question question;
  question.asked_wire = answer.asked.Wire();
  question.asked = answer.asked;
  question.type = answer.type;
  question.edns = true;
  const Reply reply{.rcode = answer.rcode,
                    .answer = answer.answer,
                    .authority = answer.authority,
                    .ede = dns::kEdeOther};
  const std::string bytes = EncodeReply(question, reply, 65535);
  DNSPIN_CHECK(bytes.size() <= 65535);
  DNSPIN_CHECK(CheckAnswer(Octets(bytes)).ok());
  const auto again = ReadAnswer(Octets(bytes));
  DNSPIN_CHECK(again.ok());
  if (ReadReplyHeader(Octets(bytes))->truncated) {  // names whole may not fit where compressed did
    DNSPIN_CHECK(again->answer.empty() && again->authority.empty());
  } else {
    DNSPIN_CHECK(*again == answer);
  }
  DNSPIN_CHECK(EncodeReply(question, reply, 512).size() <= 512);
}

void CheckHints(const Answer& answer) {
  for (const Record& record : answer.answer) {
    if (record.type != dns::kSvcb && record.type != dns::kHttps) {
      continue;
    }
    if (const auto kept = WithoutHints(record.rdata)) {
      DNSPIN_CHECK(kept->size() <= record.rdata.size());
      DNSPIN_CHECK(WithoutHints(*kept) == kept);
      const auto binding = ReadServiceBinding(Octets(*kept));
      DNSPIN_CHECK(binding.has_value());
      for (const ServiceParameter& parameter : binding->parameters) {
        DNSPIN_CHECK(parameter.key != 4 && parameter.key != 6);
      }
    }
  }
}

// A second opinion on the lineage, without order, length or loops: everything reachable.
std::set<Name> Reachable(const Answer& answer) {
  std::set<Name> names{answer.asked};
  for (size_t before = 0; before != names.size();) {
    before = names.size();
    for (const Record& record : answer.answer) {
      const auto target = Name::FromWire(record.rdata);
      if (record.type == dns::kCname && record.klass == dns::kIn && target &&
          names.contains(record.owner)) {
        names.insert(*target);
      }
    }
  }
  return names;
}

void CheckWalk(const Answer& answer) {
  const auto walked = Walk(answer);
  const auto* lineage = std::get_if<Lineage>(&walked);
  if (lineage == nullptr) {
    return;
  }
  const std::set<Name> names = Reachable(answer);
  for (const Address& address : lineage->addresses) {
    const auto octets = address.bytes();
    const std::string_view rdata(reinterpret_cast<const char*>(octets.data()), octets.size());
    DNSPIN_CHECK(answer.type == (octets.size() == 4 ? dns::kA : dns::kAaaa));
    DNSPIN_CHECK(std::any_of(answer.answer.begin(), answer.answer.end(), [&](const Record& record) {
      return record.type == answer.type && record.klass == dns::kIn && record.rdata == rdata &&
             names.contains(record.owner);
    }));
  }
}

}  // namespace
}  // namespace dnspin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::span<const uint8_t> message(bytes, size);
  const bool sound = dnspin::CheckAnswer(message).ok();
  DNSPIN_CHECK(!sound || dnspin::ReadReplyHeader(message).has_value());
  const auto answer = dnspin::ReadAnswer(message);
  DNSPIN_CHECK(sound || !answer.ok());
  DNSPIN_CHECK(!absl::IsInternal(answer.status()));  // ldns and the pre-validator agree
  if (answer.ok()) {
    dnspin::CheckRoundTrip(*answer);
    dnspin::CheckHints(*answer);
    dnspin::CheckWalk(*answer);
  }
  return 0;
}
