#include "resolver/held_answers.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>

#include "pinning/check.h"
#include "resolver/ending.h"
#include "resolver/held_packet.h"
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

void HeldAnswers::Read(const TakeAnswer& take) {
  struct Room {
    std::array<std::array<uint8_t, kDatagramOctets>, kDatagrams> datagrams;
    std::array<iovec, kDatagrams> parts;
    std::array<mmsghdr, kDatagrams> messages;
  };
  static const auto room = std::make_unique<Room>();  // for all of the process: one reads at a time
  for (size_t i = 0; i < kDatagrams; ++i) {
    room->parts[i] = {room->datagrams[i].data(), kDatagramOctets};
    room->messages[i] = {};
    room->messages[i].msg_hdr.msg_iov = &room->parts[i];
    room->messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int taken =
      recvmmsg(queue_.get(), room->messages.data(), kDatagrams, MSG_DONTWAIT, nullptr);
  if (taken < 0 && errno == ENOBUFS) {
    ++counters_.held_overruns;  // the kernel has dropped some; the client asks again
  }
  for (int i = 0; i < taken; ++i) {
    const auto& message = room->messages.at(static_cast<size_t>(i));
    const bool cut = (message.msg_hdr.msg_flags & MSG_TRUNC) != 0;
    const auto datagram = std::span<const uint8_t>(room->datagrams.at(static_cast<size_t>(i)))
                              .first(std::min<size_t>(message.msg_len, kDatagramOctets));
    ReadHeldPackets(datagram, cut, [&](const HeldPacket& packet) {
      ++counters_.received;
      if (packet.whole) {
        Take(packet.number, packet.octets, take);
      } else {
        Drop(packet.number);
      }
    });
  }
}

bool HeldAnswers::IsForUs(const QueuedPacket& packet) const {
  return packet.source.port == kDnsPort && Has(servers_, packet.source.address) &&
         Has(addresses_, packet.destination.address);
}

void HeldAnswers::Drop(uint32_t number) {
  Count(Ending::kDropped, counters_);
  decide_({number_, number, HeldVerdict::Kind::kDrop, ""});
}

void HeldAnswers::Take(uint32_t number, std::span<const uint8_t> octets, const TakeAnswer& take) {
  const auto read = ReadQueuedPacket(octets);
  const auto* const packet = std::get_if<QueuedPacket>(&read);
  if (packet == nullptr || !IsForUs(*packet) || MessageOctetsMax(*packet) < kShortest) {
    Drop(number);
    return;
  }
  const auto header = ReadReplyHeader(packet->message);
  if (!header || !Name::FromWire(AsOctets(header->asked_wire))) {
    Drop(number);
    return;
  }
  auto passing = ReadPassingAnswer(packet->message);
  if (passing.ok() && !passing->beside && IsBareError(passing->answer)) {
    Count(EndingOf(passing->answer.rcode), counters_);
    decide_({number_, number, HeldVerdict::Kind::kAccept, ""});
    return;
  }
  // As long as it was: the client has said that it takes so much.
  const size_t most = std::clamp(packet->message.size(), kShortest, MessageOctetsMax(*packet));
  Question question = QuestionOf(*header, most);
  question.edns = passing.ok() && passing->edns;
  question.dnssec_ok = passing.ok() && passing->dnssec_ok;
  HeldAnswer held{passing.ok() ? UpstreamResult(std::move(passing->answer))
                               : UpstreamResult(UpstreamFailure::kInvalid),
                  passing.ok() && passing->beside};
  ReturnPath path;
  path.transport = Transport::kUdp;
  path.client = packet->destination;
  path.local = packet->source.address;
  path.destination = packet->source.address;
  path.held = ++last_;
  waiting_[last_] = {number, std::string(AsText(octets))};
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
  decide_({number_, waiting->number, HeldVerdict::Kind::kReplace, *std::move(packet)});
}

void HeldAnswers::Release(uint64_t held) {
  if (const auto waiting = TakeOut(held)) {
    decide_({number_, waiting->number, HeldVerdict::Kind::kAccept, ""});
  }
}

}  // namespace dnspin
