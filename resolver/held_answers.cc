#include "resolver/held_answers.h"

#include <algorithm>
#include <optional>

#include "pinning/check.h"
#include "resolver/ending.h"
#include "resolver/octets.h"
#include "resolver/wire.h"

namespace dnspin {
namespace {

constexpr uint16_t kDnsPort = 53;
constexpr size_t kShortest = 512;  // RFC 1035: what any client takes

// What the client has asked, as its server repeats it.
Question QuestionOf(const ReplyHeader& header, size_t octets) {
  Question question;
  question.id = header.id;
  question.recursion_desired = header.recursion_desired;
  question.checking_disabled = header.checking_disabled;
  question.asked_wire = header.asked_wire;
  question.asked = *Name::FromWire(AsOctets(header.asked_wire));
  question.type = header.type;
  question.udp_octets = static_cast<uint16_t>(octets);
  return question;
}

// So long that the packet which replaces it can be put back.
size_t MessageOctetsMax(const QueuedPacket& packet) {
  return kPutBackOctetsMax - std::min(packet.headers.size(), kPutBackOctetsMax);
}

bool Has(const std::vector<Address>& addresses, const Address& address) {
  return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

// An error that tells nothing else. Who asked knows best what to make of it.
bool IsBareError(const Answer& answer) {
  return answer.answer.empty() && answer.authority.empty() && answer.rcode != dns::kNoError &&
         answer.rcode != dns::kNxDomain;
}

}  // namespace

bool HeldAnswers::IsForUs(const QueuedPacket& packet) const {
  return packet.source.port == kDnsPort && Has(servers_, packet.source.address) &&
         Has(addresses_, packet.destination.address);
}

void HeldAnswers::Drop(uint32_t packet) {
  ++counters_.received;
  Count(Ending::kDropped, counters_);
  decide_({queue_, packet, HeldVerdict::Kind::kDrop, ""});
}

void HeldAnswers::Take(const HeldPacket& packet, const QueuedPacket& read, const TakeAnswer& take) {
  const auto header = ReadReplyHeader(read.message);
  if (!IsForUs(read) || MessageOctetsMax(read) < kShortest || !header ||
      !Name::FromWire(AsOctets(header->asked_wire))) {
    Drop(packet.number);
    return;
  }
  ++counters_.received;
  auto passing = ReadPassingAnswer(read.message);
  if (passing.ok() && !passing->beside && IsBareError(passing->answer)) {
    Count(EndingOf(passing->answer.rcode), counters_);
    decide_({queue_, packet.number, HeldVerdict::Kind::kAccept, ""});
    return;
  }
  // As long as it was: the client has said that it takes so much.
  const size_t most = std::clamp(read.message.size(), kShortest, MessageOctetsMax(read));
  Question question = QuestionOf(*header, most);
  question.edns = passing.ok() && passing->edns;
  question.dnssec_ok = passing.ok() && passing->dnssec_ok;
  HeldAnswer held{passing.ok() ? UpstreamResult(std::move(passing->answer))
                               : UpstreamResult(UpstreamFailure::kInvalid),
                  passing.ok() && passing->beside};
  ReturnPath path;
  path.transport = Transport::kUdp;
  path.client = read.destination;
  path.local = read.source.address;
  path.destination = read.source.address;
  path.held = ++last_;
  waiting_[last_] = {packet.number, std::string(AsText(packet.octets))};
  take(std::move(question), path, std::move(held), header->truncated);
}

std::optional<HeldAnswers::Waiting> HeldAnswers::TakeOut(uint64_t held) {
  auto found = waiting_.extract(held);
  return found.empty() ? std::nullopt : std::optional(std::move(found.mapped()));
}

void HeldAnswers::Replace(uint64_t held, std::string_view message) {
  const auto waiting = TakeOut(held);
  if (!waiting) {
    return;
  }
  const auto read = ReadQueuedPacket(AsOctets(waiting->packet));
  auto packet = WithMessage(std::get<QueuedPacket>(read), AsOctets(message));
  DNSPIN_CHECK(packet && packet->size() <= kPutBackOctetsMax);
  decide_({queue_, waiting->number, HeldVerdict::Kind::kReplace, *std::move(packet)});
}

void HeldAnswers::Release(uint64_t held) {
  if (const auto waiting = TakeOut(held)) {
    decide_({queue_, waiting->number, HeldVerdict::Kind::kAccept, ""});
  }
}

}  // namespace dnspin
