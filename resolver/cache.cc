#include "resolver/cache.h"

#include <algorithm>

#include "pinning/lineage.h"
#include "resolver/negative_answer.h"

namespace dnspin {
namespace {

using std::chrono::seconds;

constexpr seconds kFailureLife{1};
constexpr uint32_t kLifeMax = 24 * 3600;

// What a record costs besides its names and data, and an entry besides its records: roughly.
constexpr size_t kRecordOctets = sizeof(Record) + 32;
constexpr size_t kEntryOctets = 512;

size_t OctetsOf(const std::vector<Record>& records) {
  size_t octets = 0;
  for (const Record& record : records) {
    octets += kRecordOctets + record.owner.Wire().size() + record.rdata.size();
  }
  return octets;
}

// Twice: the judgement of an entry holds most of it once more.
size_t OctetsOf(const UpstreamResult& result) {
  const auto* const answer = std::get_if<Answer>(&result);
  return kEntryOctets +
         (answer == nullptr ? 0 : 2 * (OctetsOf(answer->answer) + OctetsOf(answer->authority)));
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

CachedResult* AnswerCache::Find(const Inquiry& inquiry, BootTime now) {
  const auto found = index_.find(inquiry);
  if (found == index_.end()) {
    return nullptr;
  }
  const Entries::iterator entry = found->second;
  if (entry->cached.until <= now) {
    Erase(entry);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return &entry->cached;
}

CachedResult* AnswerCache::Insert(const Inquiry& inquiry, UpstreamResult&& result, BootTime now) {
  if (const auto old = index_.find(inquiry); old != index_.end()) {
    Erase(old->second);
  }
  const auto life = LifeOf(result);
  const size_t octets = OctetsOf(result);
  if (!life || octets > kEntryOctetsMax) {
    return nullptr;
  }
  while (entries_.size() >= kEntriesMax || octets_ + octets > kOctetsMax) {
    Erase(std::prev(entries_.end()));
  }
  entries_.push_front({inquiry, {std::move(result), now, now + *life, std::nullopt}, octets});
  index_.emplace(inquiry, entries_.begin());
  octets_ += octets;
  return &entries_.front().cached;
}

void AnswerCache::DoubtPins() {
  for (Entry& entry : entries_) {
    if (entry.cached.judgement) {
      entry.cached.judgement->pinned_until = BootTime{};
    }
  }
}

void AnswerCache::Erase(Entries::iterator entry) {
  octets_ -= entry->octets;
  index_.erase(entry->inquiry);
  entries_.erase(entry);
}

void AnswerCache::Clear() {
  index_.clear();
  entries_.clear();
  octets_ = 0;
}

}  // namespace dnspin
