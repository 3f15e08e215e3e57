#include "pinning/channel_message.h"

#include <array>
#include <optional>
#include <string_view>

#include "pinning/check.h"
#include "pinning/rule.h"

namespace dnspin {
namespace {

enum class Type : uint8_t {
  kPin = 1,
  kRefusal = 2,
  kCounters = 3,
  kGrant = 4,
  kDropAddresses = 5,
  kHeldVerdict = 6,
  kAnswer = 7,
  kPinReply = 16,
  kPolicy = 17,
  kPinsInDoubt = 18,
  kQueue = 19,
};

class Writer {
 public:
  explicit Writer(Type type) { Number(static_cast<uint8_t>(type)); }

  template <typename T>
  void Number(T value) {
    for (size_t i = 0; i < sizeof(T); ++i) {
      bytes_ += static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
    }
  }
  void Text(std::string_view text) {
    Number(static_cast<uint16_t>(text.size()));
    bytes_ += text;
  }
  void Flag(bool flag) { Number(static_cast<uint8_t>(flag)); }
  void Put(const std::vector<Address>& addresses) {
    Number(static_cast<uint8_t>(addresses.size()));
    for (const Address& address : addresses) {
      Put(address);
    }
  }
  void Put(const Address& address) {
    Number(static_cast<uint8_t>(address.bytes().size()));
    for (const uint8_t octet : address.bytes()) {
      Number(octet);
    }
  }
  std::string Take(size_t octets_max = kMessageOctetsMax) {
    DNSPIN_CHECK(bytes_.size() <= octets_max);
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

// Reads what a Writer wrote; once anything is amiss, everything after is, and Finished() says so.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  template <typename T>
  T Number() {
    uint64_t value = 0;
    const auto octets = Take(sizeof(T));
    for (size_t i = 0; i < octets.size(); ++i) {
      value |= static_cast<uint64_t>(octets[i]) << (8 * i);
    }
    return static_cast<T>(value);
  }
  std::string Text(size_t octets_max) {
    const auto length = Number<uint16_t>();
    good_ = good_ && length <= octets_max;
    const auto octets = Take(length);
    return {octets.begin(), octets.end()};
  }
  Name AName() {
    const auto name = Name::FromWire(Text(Name::kOctetsMax));
    good_ = good_ && name.has_value();
    return name.value_or(Name());
  }
  bool Flag() {
    const auto flag = Number<uint8_t>();
    good_ = good_ && flag <= 1;
    return flag == 1;
  }
  std::vector<Address> Addresses() {
    std::vector<Address> addresses;
    const auto count = Number<uint8_t>();
    good_ = good_ && count <= kAddressesPerRequest;
    for (uint8_t i = 0; good_ && i < count; ++i) {
      addresses.push_back(AnAddress());
    }
    return addresses;
  }
  Address AnAddress() {
    const auto length = Number<uint8_t>();
    const auto address = Address::FromBytes(Take(length));
    good_ = good_ && address.has_value();
    return address.value_or(Address());
  }
  void Require(bool condition) { good_ = good_ && condition; }
  bool Good() const { return good_; }
  bool Finished() const { return good_ && bytes_.empty(); }

 private:
  std::span<const uint8_t> Take(size_t octets) {
    if (!good_ || octets > bytes_.size()) {
      good_ = false;
      return {};
    }
    const auto taken = bytes_.first(octets);
    bytes_ = bytes_.subspan(octets);
    return taken;
  }

  std::span<const uint8_t> bytes_;
  bool good_ = true;
};

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
    Writer writer(Type::kPin);
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
    Writer writer(Type::kRefusal);
    writer.Number(report.ede);
    writer.Text(report.asked.Wire());
    return writer.Take();
  }
  std::string operator()(const CountersReport& report) const {
    Writer writer(Type::kCounters);
    for (const Counter counter : kCounters) {
      writer.Number(report.*counter);
    }
    return writer.Take();
  }
  std::string operator()(const GrantRequest& request) const {
    Writer writer(Type::kGrant);
    writer.Number(request.generation);
    writer.Number(request.ttl_s);
    writer.Text(request.rule_host);
    writer.Text(request.parent.Wire());
    writer.Text(request.target.Wire());
    return writer.Take();
  }
  std::string operator()(const DropAddresses& piece) const {
    Writer writer(Type::kDropAddresses);
    writer.Number(piece.generation);
    writer.Text(piece.name.Wire());
    writer.Flag(piece.family == Family::kIpv6);
    writer.Flag(piece.first);
    writer.Flag(piece.last);
    writer.Put(piece.addresses);
    return writer.Take();
  }
  std::string operator()(const HeldVerdict& verdict) const {
    Writer writer(Type::kHeldVerdict);
    writer.Number(verdict.queue);
    writer.Number(verdict.packet);
    writer.Number(static_cast<uint8_t>(verdict.kind));
    writer.Text(verdict.octets);
    return writer.Take(kHeldVerdictOctetsMax);
  }
  std::string operator()(const AnswerReport& report) const {
    Writer writer(Type::kAnswer);
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
  std::string operator()(const PinReply& reply) const {
    Writer writer(Type::kPinReply);
    writer.Number(reply.ticket);
    writer.Number(static_cast<uint8_t>(reply.outcome));
    return writer.Take();
  }
  std::string operator()(const PolicyNotice& notice) const {
    Writer writer(Type::kPolicy);
    writer.Number(notice.generation);
    return writer.Take();
  }
  std::string operator()(const PinsInDoubt& /*doubt*/) const {
    return Writer(Type::kPinsInDoubt).Take();
  }
  std::string operator()(const QueueNotice& notice) const {
    Writer writer(Type::kQueue);
    writer.Number(notice.queue);
    return writer.Take();
  }
};

PinRequest ReadPin(Reader& reader) {
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

GrantRequest ReadGrant(Reader& reader) {
  GrantRequest request;
  request.generation = reader.Number<uint32_t>();
  request.ttl_s = reader.Number<uint32_t>();
  request.rule_host = reader.Text(kRuleHostOctetsMax);
  request.parent = reader.AName();
  request.target = reader.AName();
  reader.Require(!request.rule_host.empty());
  return request;
}

DropAddresses ReadDropAddresses(Reader& reader) {
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

HeldVerdict ReadHeldVerdict(Reader& reader) {
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

AnswerReport ReadAnswer(Reader& reader) {
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
  Reader reader(bytes);
  const auto type = static_cast<Type>(reader.Number<uint8_t>());
  if (bytes.size() > kMessageOctetsMax && type != Type::kHeldVerdict) {
    return Malformed("too long");
  }
  FromReader message;
  switch (type) {
    case Type::kHeldVerdict:
      message = ReadHeldVerdict(reader);
      break;
    case Type::kPin:
      message = ReadPin(reader);
      break;
    case Type::kGrant:
      message = ReadGrant(reader);
      break;
    case Type::kRefusal: {
      RefusalReport report;
      report.ede = reader.Number<uint16_t>();
      report.asked = reader.AName();
      message = report;
      break;
    }
    case Type::kCounters: {
      CountersReport report;
      for (const Counter counter : kCounters) {
        report.*counter = reader.Number<uint64_t>();
      }
      message = report;
      break;
    }
    case Type::kDropAddresses:
      message = ReadDropAddresses(reader);
      break;
    case Type::kAnswer:
      message = ReadAnswer(reader);
      break;
    default:
      return Malformed("unknown type");
  }
  return reader.Finished() ? absl::StatusOr<FromReader>(message) : Malformed("wrong shape");
}

absl::StatusOr<ToReader> DecodeToReader(std::span<const uint8_t> bytes) {
  Reader reader(bytes);
  switch (static_cast<Type>(reader.Number<uint8_t>())) {
    case Type::kPinReply: {
      PinReply reply;
      reply.ticket = reader.Number<uint64_t>();
      const auto outcome = reader.Number<uint8_t>();
      reader.Require(outcome <= static_cast<uint8_t>(PinOutcome::kFailed));
      reply.outcome = static_cast<PinOutcome>(outcome);
      return reader.Finished() ? absl::StatusOr<ToReader>(reply) : Malformed("wrong shape");
    }
    case Type::kPolicy: {
      const PolicyNotice notice{reader.Number<uint32_t>()};
      return reader.Finished() ? absl::StatusOr<ToReader>(notice) : Malformed("wrong shape");
    }
    case Type::kPinsInDoubt:
      return reader.Finished() ? absl::StatusOr<ToReader>(PinsInDoubt{}) : Malformed("wrong shape");
    case Type::kQueue: {
      const QueueNotice notice{reader.Number<uint16_t>()};
      return reader.Finished() ? absl::StatusOr<ToReader>(notice) : Malformed("wrong shape");
    }
    default:
      return Malformed("unknown type");
  }
}

}  // namespace dnspin
