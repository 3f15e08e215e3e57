#include "pinning/channel_message.h"

#include <array>
#include <optional>
#include <string_view>

#include "pinning/message_octets.h"

namespace dnspin {
namespace {

using Counter = uint64_t CountersReport::*;
constexpr std::array kCounters = {
    &CountersReport::received,
    &CountersReport::questions,
    &CountersReport::answered,
    &CountersReport::refused,
    &CountersReport::failed,
    &CountersReport::dropped,
    &CountersReport::cache_hits,
    &CountersReport::upstream_questions,
    &CountersReport::answers_released_unpinned,
    &CountersReport::reports_left_out,
    &CountersReport::over_rate,
    &CountersReport::over_in_flight,
    &CountersReport::over_connections,
    &CountersReport::over_names,
    &CountersReport::forgeries,
    &CountersReport::held_overruns,
};
static_assert(sizeof(CountersReport) == kCounters.size() * sizeof(uint64_t), "all of them");

struct Encoder {
  std::string operator()(const PinRequest& request) const {
    MessageWriter writer(MessageType::kPin);
    writer.Number(request.ticket);
    writer.Number(request.generation);
    writer.Number(request.told_s);
    writer.Text(request.asked.Wire());
    writer.Text(request.rule_host);
    writer.Put(request.addresses);
    writer.Flag(request.unasked);
    return writer.Take();
  }
  std::string operator()(const RefusalReport& report) const {
    MessageWriter writer(MessageType::kRefusal);
    writer.Number(report.ede);
    writer.Text(report.asked.Wire());
    return writer.Take();
  }
  std::string operator()(const CountersReport& report) const {
    MessageWriter writer(MessageType::kCounters);
    for (const Counter counter : kCounters) {
      writer.Number(report.*counter);
    }
    return writer.Take();
  }
  std::string operator()(const GrantRequest& request) const {
    MessageWriter writer(MessageType::kGrant);
    writer.Number(request.generation);
    writer.Number(request.ttl_s);
    writer.Text(request.rule_host);
    writer.Text(request.parent.Wire());
    writer.Text(request.target.Wire());
    return writer.Take();
  }
  std::string operator()(const DropAddresses& piece) const {
    MessageWriter writer(MessageType::kDropAddresses);
    writer.Number(piece.generation);
    writer.Text(piece.name.Wire());
    writer.Flag(piece.family == Family::kIpv6);
    writer.Flag(piece.first);
    writer.Flag(piece.last);
    writer.Put(piece.addresses);
    return writer.Take();
  }
  std::string operator()(const HeldVerdict& verdict) const {
    MessageWriter writer(MessageType::kHeldVerdict);
    writer.Number(verdict.queue);
    writer.Number(verdict.packet);
    writer.Number(static_cast<uint8_t>(verdict.kind));
    writer.Text(verdict.octets);
    return writer.Take(kHeldVerdictOctetsMax);
  }
  std::string operator()(const AnswerReport& report) const {
    MessageWriter writer(MessageType::kAnswer);
    writer.Number(report.type);
    writer.Number(report.rcode);
    writer.Flag(report.pinned);
    writer.Number(report.told_s);
    writer.Text(report.asked.Wire());
    writer.Number(static_cast<uint8_t>(report.chain.size()));
    for (const Name& name : report.chain) {
      writer.Text(name.Wire());
    }
    writer.Put(report.addresses);
    return writer.Take();
  }
  std::string operator()(const UpstreamReport& report) const {
    MessageWriter writer(MessageType::kUpstream);
    writer.Put(report.server.address);
    writer.Number(report.server.port);
    writer.Flag(report.failing);
    writer.Number(report.answers);
    writer.Number(report.failures);
    writer.Flag(report.last.has_value());
    if (report.last) {
      writer.Number(report.last->ago_ms);
      writer.Number(report.last->round_trip_us);
    }
    return writer.Take();
  }
  std::string operator()(const PinReply& reply) const {
    MessageWriter writer(MessageType::kPinReply);
    writer.Number(reply.ticket);
    writer.Number(static_cast<uint8_t>(reply.outcome));
    return writer.Take();
  }
  std::string operator()(const PolicyNotice& notice) const {
    MessageWriter writer(MessageType::kPolicy);
    writer.Number(notice.generation);
    return writer.Take();
  }
  std::string operator()(const PinsInDoubt& /*doubt*/) const {
    return MessageWriter(MessageType::kPinsInDoubt).Take();
  }
  std::string operator()(const QueueNotice& notice) const {
    MessageWriter writer(MessageType::kQueue);
    writer.Number(notice.queue);
    return writer.Take();
  }
};

PinRequest ReadPin(MessageReader& reader) {
  PinRequest request;
  request.ticket = reader.Number<uint64_t>();
  request.generation = reader.Number<uint32_t>();
  request.told_s = reader.Number<uint32_t>();
  request.asked = reader.AName();
  request.rule_host = reader.Text(kRuleHostOctetsMax);
  request.addresses = reader.Addresses();
  request.unasked = reader.Flag();
  reader.Require(!request.addresses.empty() && !request.rule_host.empty());
  return request;
}

GrantRequest ReadGrant(MessageReader& reader) {
  GrantRequest request;
  request.generation = reader.Number<uint32_t>();
  request.ttl_s = reader.Number<uint32_t>();
  request.rule_host = reader.Text(kRuleHostOctetsMax);
  request.parent = reader.AName();
  request.target = reader.AName();
  reader.Require(!request.rule_host.empty());
  return request;
}

DropAddresses ReadDropAddresses(MessageReader& reader) {
  DropAddresses piece;
  piece.generation = reader.Number<uint32_t>();
  piece.name = reader.AName();
  piece.family = reader.Flag() ? Family::kIpv6 : Family::kIpv4;
  piece.first = reader.Flag();
  piece.last = reader.Flag();
  piece.addresses = reader.Addresses();
  reader.Require(!piece.addresses.empty() || (piece.first && piece.last));
  for (const Address& address : piece.addresses) {
    reader.Require(address.family() == piece.family);
  }
  return piece;
}

HeldVerdict ReadHeldVerdict(MessageReader& reader) {
  HeldVerdict verdict;
  verdict.queue = reader.Number<uint16_t>();
  verdict.packet = reader.Number<uint32_t>();
  const auto kind = reader.Number<uint8_t>();
  reader.Require(kind <= static_cast<uint8_t>(HeldVerdict::Kind::kReplace));
  verdict.kind = static_cast<HeldVerdict::Kind>(kind);
  verdict.octets = reader.Text(kPutBackOctetsMax);
  reader.Require(verdict.kind == HeldVerdict::Kind::kReplace
                     ? verdict.octets.size() >= kPutBackOctetsMin
                     : verdict.octets.empty());
  return verdict;
}

AnswerReport ReadAnswer(MessageReader& reader) {
  AnswerReport report;
  report.type = reader.Number<uint16_t>();
  report.rcode = reader.Number<uint8_t>();
  reader.Require(report.rcode <= 15);
  report.pinned = reader.Flag();
  report.told_s = reader.Number<uint32_t>();
  report.asked = reader.AName();
  const auto count = reader.Number<uint8_t>();
  reader.Require(count <= AnswerReport::kChainMax);
  for (uint8_t i = 0; reader.Good() && i < count; ++i) {
    report.chain.push_back(reader.AName());
  }
  report.addresses = reader.Addresses();
  return report;
}

UpstreamReport ReadUpstream(MessageReader& reader) {
  UpstreamReport report;
  report.server.address = reader.AnAddress();
  report.server.port = reader.Number<uint16_t>();
  report.failing = reader.Flag();
  report.answers = reader.Number<uint32_t>();
  report.failures = reader.Number<uint32_t>();
  reader.Require(report.answers != 0 || report.failures != 0);
  if (reader.Flag()) {
    UpstreamReport::Answered last;
    last.ago_ms = reader.Number<uint32_t>();
    last.round_trip_us = reader.Number<uint32_t>();
    report.last = last;
  }
  return report;
}

absl::Status Malformed(std::string_view what) {
  return absl::InvalidArgumentError("malformed message: " + std::string(what));
}

}  // namespace

CountersReport& CountersReport::operator+=(const CountersReport& other) {
  for (const Counter counter : kCounters) {
    this->*counter += other.*counter;
  }
  return *this;
}

std::string Encode(const FromReader& message) { return std::visit(Encoder(), message); }
std::string Encode(const ToReader& message) { return std::visit(Encoder(), message); }

absl::StatusOr<FromReader> DecodeFromReader(std::span<const uint8_t> bytes) {
  MessageReader reader(bytes);
  const auto type = static_cast<MessageType>(reader.Number<uint8_t>());
  if (bytes.size() > kMessageOctetsMax && type != MessageType::kHeldVerdict) {
    return Malformed("too long");
  }
  FromReader message;
  switch (type) {
    case MessageType::kHeldVerdict:
      message = ReadHeldVerdict(reader);
      break;
    case MessageType::kPin:
      message = ReadPin(reader);
      break;
    case MessageType::kGrant:
      message = ReadGrant(reader);
      break;
    case MessageType::kRefusal: {
      RefusalReport report;
      report.ede = reader.Number<uint16_t>();
      report.asked = reader.AName();
      message = report;
      break;
    }
    case MessageType::kCounters: {
      CountersReport report;
      for (const Counter counter : kCounters) {
        report.*counter = reader.Number<uint64_t>();
      }
      message = report;
      break;
    }
    case MessageType::kDropAddresses:
      message = ReadDropAddresses(reader);
      break;
    case MessageType::kAnswer:
      message = ReadAnswer(reader);
      break;
    case MessageType::kUpstream:
      message = ReadUpstream(reader);
      break;
    default:
      return Malformed("unknown type");
  }
  return reader.Finished() ? absl::StatusOr<FromReader>(message) : Malformed("wrong shape");
}

absl::StatusOr<ToReader> DecodeToReader(std::span<const uint8_t> bytes) {
  MessageReader reader(bytes);
  switch (static_cast<MessageType>(reader.Number<uint8_t>())) {
    case MessageType::kPinReply: {
      PinReply reply;
      reply.ticket = reader.Number<uint64_t>();
      const auto outcome = reader.Number<uint8_t>();
      reader.Require(outcome <= static_cast<uint8_t>(PinOutcome::kFailed));
      reply.outcome = static_cast<PinOutcome>(outcome);
      return reader.Finished() ? absl::StatusOr<ToReader>(reply) : Malformed("wrong shape");
    }
    case MessageType::kPolicy: {
      const PolicyNotice notice{reader.Number<uint32_t>()};
      return reader.Finished() ? absl::StatusOr<ToReader>(notice) : Malformed("wrong shape");
    }
    case MessageType::kPinsInDoubt:
      return reader.Finished() ? absl::StatusOr<ToReader>(PinsInDoubt{}) : Malformed("wrong shape");
    case MessageType::kQueue: {
      const QueueNotice notice{reader.Number<uint16_t>()};
      return reader.Finished() ? absl::StatusOr<ToReader>(notice) : Malformed("wrong shape");
    }
    default:
      return Malformed("unknown type");
  }
}

}  // namespace dnspin
