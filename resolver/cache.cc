#include "resolver/cache.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "pinning/lineage.h"
#include "resolver/negative_answer.h"
#include "resolver/octets.h"
#include "resolver/packed_result.h"

namespace dnspin {
namespace {

using std::chrono::seconds;

constexpr seconds kFailureLife{1};
constexpr uint32_t kLifeMax = 24 * 3600;

// What stands before the packed result. Seconds count from when it was received.
struct Head {
  BootTime received;
  uint32_t life_s = 0;
  uint32_t pinned_s = 0;
  uint32_t pinned_by = 0;  // the rule

  BootTime until() const { return received + seconds(life_s); }
  BootTime pinned_until() const {
    return pinned_s == 0 ? BootTime{} : received + seconds(pinned_s);
  }
};
constexpr size_t kHeadOctets = sizeof(BootTime) + 3 * sizeof(uint32_t);  // without its padding

Head HeadOf(std::span<const char> value) {
  Head head;
  std::memcpy(static_cast<void*>(&head), value.data(), kHeadOctets);
  return head;
}

void SetHead(std::span<char> value, const Head& head) {
  std::memcpy(value.data(), &head, kHeadOctets);
}

std::string KeyOf(const Inquiry& inquiry) {
  std::string key;
  key.reserve(3 + inquiry.asked.Wire().size());
  key += static_cast<char>((inquiry.dnssec_ok ? 1 : 0) | (inquiry.checking_disabled ? 2 : 0));
  AppendU16(key, inquiry.type);
  return key += inquiry.asked.Wire();
}

}  // namespace

std::optional<seconds> LifeOf(const UpstreamResult& result) {
  const auto* const answer = std::get_if<Answer>(&result);
  if (answer == nullptr || (answer->rcode != dns::kNoError && answer->rcode != dns::kNxDomain)) {
    return kFailureLife;
  }
  const auto walked = Walk(*answer);
  const auto* const lineage = std::get_if<Lineage>(&walked);
  if (lineage == nullptr) {
    return kFailureLife;
  }
  uint32_t life = lineage->records.empty() ? kLifeMax : std::min(lineage->ttl, kLifeMax);
  const Name& end = lineage->names.back();
  const bool something = std::any_of(
      lineage->records.begin(), lineage->records.end(),
      [&](const Record& record) { return record.type == answer->type && record.owner == end; });
  if (answer->rcode == dns::kNxDomain || !something) {
    const Record* const soa = SoaFor(*answer, end);
    life = soa == nullptr ? 0 : std::min(life, NegativeTtl(*soa));
  }
  return life == 0 ? std::nullopt : std::optional(seconds(life));
}

std::optional<CachedResult> AnswerCache::Find(const Inquiry& inquiry, BootTime now) {
  const std::string key = KeyOf(inquiry);
  const std::span<char> value = store_.Find(key);
  if (value.empty()) {
    return std::nullopt;
  }
  const Head head = HeadOf(value);
  if (head.until() <= now) {
    store_.Erase(key);
    return std::nullopt;
  }
  const std::string_view packed(value.data(), value.size());
  return CachedResult{Unpack(packed.substr(kHeadOctets), inquiry),
                      head.received,
                      head.until(),
                      {head.pinned_by, head.pinned_until()}};
}

BootTime AnswerCache::Insert(const Inquiry& inquiry, const UpstreamResult& result, BootTime now) {
  const std::string key = KeyOf(inquiry);
  store_.Erase(key);
  const auto life = LifeOf(result);
  if (!life) {
    return now;
  }
  std::string value(kHeadOctets, '\0');
  SetHead(value, {now, static_cast<uint32_t>(life->count())});
  value += Pack(result, inquiry);
  const bool kept = value.size() <= kEntryOctetsMax && store_.Insert(key, value);
  return kept ? now + *life : now;
}

void AnswerCache::NotePins(const Inquiry& inquiry, BootTime since, const PinnedUntil& pinned) {
  const std::span<char> value = store_.Peek(KeyOf(inquiry));  // its pins are not its client
  if (value.empty()) {
    return;
  }
  Head head = HeadOf(value);
  if (head.received <= since) {
    const auto lasts = std::chrono::floor<seconds>(pinned.until - head.received).count();
    const uint32_t known = head.pinned_by == pinned.rule ? head.pinned_s : 0;
    head.pinned_s = std::max(known, static_cast<uint32_t>(std::clamp<int64_t>(lasts, 0, kLifeMax)));
    head.pinned_by = pinned.rule;
    SetHead(value, head);
  }
}

void AnswerCache::DoubtPins() {
  store_.ForEach([](std::span<char> value) {
    Head head = HeadOf(value);
    head.pinned_s = 0;
    SetHead(value, head);
  });
}

}  // namespace dnspin
