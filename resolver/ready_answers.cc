#include "resolver/ready_answers.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "pinning/answer.h"
#include "resolver/header.h"
#include "resolver/name_span.h"
#include "resolver/octets.h"

namespace dnspin {
namespace {

constexpr size_t kIdOctets = 2;

// What stands before an answer's octets, and then the offsets of its TTLs, two octets each.
struct Head {
  BootTime told;
  BootTime until;
  size_t ttls = 0;
};

// Where the TTLs of a message of ours lie, without the field of that name in OPT.
std::vector<uint16_t> TtlsIn(std::string_view message) {
  OctetReader reader(AsOctets(message));
  const Header header = ReadHeader(reader);
  std::vector<uint16_t> at;
  PassName(reader, Pointers::kRefused);
  reader.U32();
  const size_t records = size_t{header.answers} + header.authorities + header.additionals;
  for (size_t i = 0; i < records && reader.ok(); ++i) {
    PassName(reader, Pointers::kBackward);
    const uint16_t type = reader.U16();
    reader.U16();
    if (type != dns::kOpt) {
      at.push_back(static_cast<uint16_t>(reader.at()));
    }
    reader.U32();
    reader.Take(reader.U16());
  }
  return reader.AtEnd() ? at : std::vector<uint16_t>();
}

void LowerTtlAt(std::string& message, size_t at, uint32_t by) {
  uint32_t ttl = OctetReader(AsOctets(message), at).U32();
  ttl -= std::min(ttl, by);
  for (size_t octet = at + 4; octet-- > at; ttl >>= 8) {
    message[octet] = static_cast<char>(ttl & 0xFF);
  }
}

}  // namespace

void ReadyAnswers::Insert(std::span<const uint8_t> question, std::string_view answer, BootTime now,
                          BootTime until) {
  const auto ttls = TtlsIn(answer);
  if (ttls.empty()) {
    return;
  }
  const Head head{now, until, ttls.size()};
  std::string value(sizeof head, '\0');
  std::memcpy(value.data(), &head, sizeof head);
  for (const uint16_t at : ttls) {
    AppendU16(value, at);
  }
  store_.Insert(AsText(question.subspan(kIdOctets)), value += answer);
}

std::optional<std::string> ReadyAnswers::Find(std::span<const uint8_t> question, BootTime now) {
  if (question.size() < kIdOctets) {
    return std::nullopt;
  }
  const std::span<const char> value = store_.Find(AsText(question.subspan(kIdOctets)));
  Head head;
  if (value.empty() || (std::memcpy(&head, value.data(), sizeof head), head.until <= now)) {
    return std::nullopt;
  }
  OctetReader ttls(AsOctets({value.data(), value.size()}), sizeof head);
  const auto rest = value.subspan(sizeof head + size_t{2} * head.ttls);
  std::string answer(rest.begin(), rest.end());
  std::copy_n(question.begin(), kIdOctets, answer.begin());
  // Rounded up: what is told ends no later than what was told first.
  const auto age = std::chrono::ceil<std::chrono::seconds>(now - head.told).count();
  for (; head.ttls > 0; --head.ttls) {
    LowerTtlAt(answer, ttls.U16(), static_cast<uint32_t>(age));
  }
  return answer;
}

}  // namespace dnspin
