// An upstream's message: what the pre-validator lets through, ldns reads as we do; what we say
// again is read again as the same, and so is what a cache keeps; and exactly those addresses come
// out of it, are pinned and are told, for no longer than they may be, that an oracle finds in the
// same octets.
#include <algorithm>
#include <span>
#include <variant>

#include "fuzz/answer_oracle.h"
#include "fuzz/answer_told.h"
#include "pinning/check.h"
#include "pinning/lineage.h"
#include "resolver/cache.h"
#include "resolver/octets.h"
#include "resolver/packed_result.h"
#include "resolver/reply.h"
#include "resolver/service_binding.h"
#include "resolver/wire.h"

namespace dnspin {
namespace {

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
  DNSPIN_CHECK(CheckAnswer(AsOctets(bytes)).ok());
  const auto again = ReadAnswer(AsOctets(bytes));
  DNSPIN_CHECK(again.ok());
  if (ReadReplyHeader(AsOctets(bytes))
          ->truncated) {  // names whole may not fit where compressed did
    DNSPIN_CHECK(again->answer.empty() && again->authority.empty());
  } else {
    DNSPIN_CHECK(*again == answer);
  }
  DNSPIN_CHECK(EncodeReply(question, reply, 512).size() <= 512);
}

// What is kept of it in a cache is all of it.
void CheckKept(const Answer& answer) {
  const Inquiry inquiry{answer.asked, answer.type};
  const std::string packed = Pack(answer, inquiry);
  DNSPIN_CHECK(Unpack(packed, inquiry) == UpstreamResult(answer));
  AnswerCache cache;
  const BootTime now{std::chrono::seconds(1000)};
  const BootTime until = cache.Insert(inquiry, answer, now);
  const auto kept = cache.Find(inquiry, now);
  DNSPIN_CHECK(kept.has_value() == (until > now));
  DNSPIN_CHECK(!kept || kept->result == UpstreamResult(answer));
}

// What is filtered holds the hints that were kept and no others, and is filtered for good.
void CheckHints(std::string_view rdata, const KeepsHint& keeps) {
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
  const auto binding = ReadServiceBinding(AsOctets(*filtered));
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

std::string Wire(const oracle::Labels& labels) {
  std::string wire;
  for (const std::string& label : labels) {
    wire += static_cast<char>(label.size()) + label;
  }
  return wire + '\0';
}

void CheckWalk(const Answer& answer, const oracle::Message& message) {
  const auto walked = Walk(answer);
  const auto* lineage = std::get_if<Lineage>(&walked);
  const oracle::Descent descent = oracle::Follow(message);
  DNSPIN_CHECK((lineage != nullptr) == descent.believed);
  if (lineage == nullptr) {
    return;
  }
  DNSPIN_CHECK(std::equal(
      lineage->names.begin(), lineage->names.end(), descent.names.begin(), descent.names.end(),
      [](const Name& name, const oracle::Labels& labels) { return name.Wire() == Wire(labels); }));
  DNSPIN_CHECK(lineage->ttl == descent.ttl.value_or(0));
  DNSPIN_CHECK(lineage->addresses.size() == descent.addresses.size());
  for (const Address& address : lineage->addresses) {
    DNSPIN_CHECK(descent.addresses.contains(std::string(AsText(address.bytes()))));
  }
}

}  // namespace
}  // namespace dnspin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::span<const uint8_t> octets(bytes, size);
  const bool sound = dnspin::CheckAnswer(octets).ok();
  const auto message = dnspin::oracle::Read(dnspin::AsText(octets));
  DNSPIN_CHECK(sound ? message.has_value() : !message || !message->plain);
  DNSPIN_CHECK(!sound || dnspin::ReadReplyHeader(octets).has_value());
  const auto answer = dnspin::ReadAnswer(octets);
  DNSPIN_CHECK(sound || !answer.ok());
  DNSPIN_CHECK(!absl::IsInternal(answer.status()));  // ldns and the pre-validator agree
  if (answer.ok()) {
    DNSPIN_CHECK(answer->rcode == message->rcode);
    dnspin::CheckRoundTrip(*answer);
    dnspin::CheckKept(*answer);
    dnspin::CheckHints(*answer);
    dnspin::CheckWalk(*answer, *message);
    dnspin::CheckTold(*answer, *message);
  }
  return 0;
}
