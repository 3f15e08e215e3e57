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

// What is filtered holds the hints that were kept and no others, and is filtered for good.
void CheckHints(const std::string& rdata, const KeepsHint& keeps) {
  std::vector<Address> kept;
  const auto noted = [&](const Address& hint) {
    const bool keep = keeps(hint);
    if (keep) {
      kept.push_back(hint);
    }
    return keep;
  };
  const auto filtered = Filtered(rdata, noted, BindingTerms::Ech::kStrip);
  if (!filtered) {
    DNSPIN_CHECK(kept.empty());
    return;
  }
  DNSPIN_CHECK(filtered->size() <= rdata.size());
  DNSPIN_CHECK(Filtered(*filtered, keeps, BindingTerms::Ech::kStrip) == filtered);
  const auto binding = ReadServiceBinding(Octets(*filtered));
  DNSPIN_CHECK(binding.has_value());
  std::string hints;
  for (const ServiceParameter& parameter : binding->parameters) {
    DNSPIN_CHECK(parameter.key != 5);
    if (parameter.key == 4 || parameter.key == 6) {
      hints.append(parameter.value.begin(), parameter.value.end());
    }
  }
  std::string wanted;
  for (const Address& hint : kept) {
    wanted.append(hint.bytes().begin(), hint.bytes().end());
  }
  DNSPIN_CHECK(hints == wanted);
}

void CheckHints(const Answer& answer) {
  for (const Record& record : answer.answer) {
    if (dns::IsServiceBinding(record.type)) {
      CheckHints(record.rdata, [](const Address&) { return false; });
      CheckHints(record.rdata, [](const Address&) { return true; });
      CheckHints(record.rdata, [](const Address& hint) { return hint.bytes().back() % 2 == 0; });
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
