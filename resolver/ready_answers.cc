#include "resolver/ready_answers.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "pinning/answer.h"
#include "resolver/header.h"
#include "resolver/name_span.h"
#include "resolver/octets.h"

namespace dnspin {
namespace {

constexpr size_t kIdOctets = 2;

// What stands before an answer's octets.
struct Head {
  BootTime told;
  BootTime until;
};

void LowerTtlAt(std::string& message, size_t at, uint32_t by) {
  uint32_t ttl = OctetReader(AsOctets(message), at).U32();
  ttl -= std::min(ttl, by);
  for (size_t octet = at + 4; octet-- > at; ttl >>= 8) {
    message[octet] = static_cast<char>(ttl & 0xFF);
  }
}

// Of all records in a message of ours; the field of that name in OPT is something else. Returns how
// many there are.
size_t LowerTtls(std::string& message, uint32_t by) {
  OctetReader reader(AsOctets(message));
  const Header header = ReadHeader(reader);
  PassName(reader, Pointers::kRefused);
  reader.U32();
  const size_t records = size_t{header.answers} + header.authorities + header.additionals;
  size_t lowered = 0;
  for (size_t i = 0; i < records && reader.ok(); ++i) {
    PassName(reader, Pointers::kBackward);
    const uint16_t type = reader.U16();
    reader.U16();
    const size_t at = reader.at();
    reader.U32();
    if (type != dns::kOpt && reader.ok()) {
      LowerTtlAt(message, at, by);
      ++lowered;
    }
    reader.Take(reader.U16());
  }
  return lowered;
}

}  // namespace

void ReadyAnswers::Insert(std::span<const uint8_t> question, std::string answer, BootTime now,
                          BootTime until) {
  if (LowerTtls(answer, 0) == 0) {
    return;
  }
  const Head head{now, until};
  std::string value(sizeof head, '\0');
  std::memcpy(value.data(), &head, sizeof head);
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
  std::string answer(value.begin() + sizeof head, value.end());
  std::copy_n(question.begin(), kIdOctets, answer.begin());
  // Rounded up: what is told ends no later than what was told first.
  const auto age = std::chrono::ceil<std::chrono::seconds>(now - head.told).count();
  LowerTtls(answer, static_cast<uint32_t>(age));
  return answer;
}

}  // namespace dnspin
