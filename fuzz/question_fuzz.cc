// A client's packet: whatever it holds, it is read as one of three things, and what we answer at
// once is a reply that is no gift to a reflector.
#include <span>
#include <variant>

#include "pinning/check.h"
#include "resolver/question.h"
#include "resolver/reply.h"

namespace dnspin {
namespace {

constexpr size_t kEarlyGrowthMax = 64;

std::span<const uint8_t> Octets(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

void CheckEarly(const EarlyReply& early, size_t packet_octets) {
  DNSPIN_CHECK(early.bytes.size() >= 12);
  DNSPIN_CHECK(early.bytes.size() <= packet_octets + kEarlyGrowthMax);
  DNSPIN_CHECK((static_cast<uint8_t>(early.bytes[2]) & 0x80) != 0);
  DNSPIN_CHECK(std::holds_alternative<IgnoredPacket>(ReadQuestion(Octets(early.bytes))));
}

void CheckQuestion(const Question& question) {
  DNSPIN_CHECK(Name::FromWire(question.asked_wire) == question.asked);
  DNSPIN_CHECK(question.udp_octets >= 512 && question.udp_octets <= 1232);
  DNSPIN_CHECK(question.edns || question.udp_octets == 512);
  const std::string again = EncodeUpstreamQuestion(question.id, question.asked_wire, question.type,
                                                   question.dnssec_ok, question.checking_disabled);
  const QuestionResult result = ReadQuestion(Octets(again));
  const auto* read = std::get_if<Question>(&result);
  DNSPIN_CHECK(read != nullptr);
  DNSPIN_CHECK(read->id == question.id && read->type == question.type);
  DNSPIN_CHECK(read->asked == question.asked && read->asked_wire == question.asked_wire);
  DNSPIN_CHECK(read->dnssec_ok == question.dnssec_ok);
  DNSPIN_CHECK(read->checking_disabled == question.checking_disabled);
  DNSPIN_CHECK(read->edns && read->recursion_desired && read->udp_octets == 1232);
}

}  // namespace
}  // namespace dnspin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const dnspin::QuestionResult result = dnspin::ReadQuestion({bytes, size});
  if (const auto* early = std::get_if<dnspin::EarlyReply>(&result)) {
    dnspin::CheckEarly(*early, size);
  } else if (const auto* question = std::get_if<dnspin::Question>(&result)) {
    dnspin::CheckQuestion(*question);
  }
  return 0;
}
