#include "resolver/ready_answers.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/string_view.h"
#include "pinning/answer.h"
#include "resolver/header.h"
#include "resolver/name_span.h"
#include "resolver/octets.h"

namespace dnspin {
namespace {

constexpr size_t kIdOctets = 2;
constexpr size_t kEntryOctets = 160;  // besides question and answer, roughly

absl::string_view BehindId(std::span<const uint8_t> question) {
  const auto text = AsText(question.subspan(kIdOctets));
  return {text.data(), text.size()};
}

// Where the TTLs of a message of ours lie, without the field of that name in OPT.
std::vector<uint16_t> TtlsIn(const std::string& message) {
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

uint32_t TtlAt(const std::string& message, size_t at) {
  return OctetReader(AsOctets(message), at).U32();
}

void LowerTtlAt(std::string& message, size_t at, uint32_t by) {
  const uint32_t ttl = TtlAt(message, at);
  std::string lower;
  AppendU32(lower, ttl - std::min(ttl, by));
  message.replace(at, lower.size(), lower);
}

}  // namespace

void ReadyAnswers::Insert(std::span<const uint8_t> question, std::string answer, BootTime now,
                          BootTime until) {
  auto ttls_at = TtlsIn(answer);
  if (ttls_at.empty()) {
    return;
  }
  const absl::string_view key = BehindId(question);
  Keep({key.data(), key.size()}, {std::move(answer), std::move(ttls_at), now, until});
}

void ReadyAnswers::Keep(std::string question, Ready ready) {
  const size_t octets = question.size() + ready.answer.size() + kEntryOctets;
  if (fresh_octets_ + octets > kOctetsMax) {
    before_ = std::exchange(fresh_, {});
    fresh_octets_ = 0;
  }
  fresh_octets_ += octets;
  fresh_.insert_or_assign(std::move(question), std::move(ready));
}

ReadyAnswers::Ready* ReadyAnswers::Look(std::span<const uint8_t> question, BootTime now) {
  if (const auto found = fresh_.find(BehindId(question)); found != fresh_.end()) {
    return &found->second;
  }
  auto node = before_.extract(BehindId(question));
  if (node.empty() || node.mapped().until <= now) {
    return nullptr;
  }
  const std::string key = node.key();
  Keep(key, std::move(node.mapped()));
  return &fresh_.at(key);
}

std::optional<std::string> ReadyAnswers::Find(std::span<const uint8_t> question, BootTime now) {
  Ready* const ready = question.size() < kIdOctets ? nullptr : Look(question, now);
  if (ready == nullptr || ready->until <= now) {
    return std::nullopt;
  }
  std::string answer = ready->answer;
  std::copy_n(question.begin(), kIdOctets, answer.begin());
  // Rounded up: what is told ends no later than what was told first.
  const auto age = std::chrono::ceil<std::chrono::seconds>(now - ready->told).count();
  for (const uint16_t at : ready->ttls_at) {
    LowerTtlAt(answer, at, static_cast<uint32_t>(age));
  }
  return answer;
}

void ReadyAnswers::Clear() {
  fresh_.clear();
  before_.clear();
  fresh_octets_ = 0;
}

}  // namespace dnspin
