#pragma once
// Knows: what upstreams have answered to one client lately. It keeps what they said, not what was
// made of it: a new policy judges the same answer anew. Bounded in entries and octets; the one not
// used longest goes first. Touches nothing.

#include <chrono>
#include <list>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "pinning/clock.h"
#include "resolver/inquiry.h"
#include "resolver/judged_answer.h"

namespace dnspin {

// How long a result may be told again: by its lineage (RFC 2181), for nothing there by its SOA
// (RFC 2308), for a failure one second (RFC 9520). Nothing if it may not.
std::optional<std::chrono::seconds> LifeOf(const UpstreamResult& result);

struct CachedResult {
  UpstreamResult result;
  BootTime received;
  BootTime until;
  std::optional<CachedJudgement> judgement;  // the last made of it, with what it was made by
};

class AnswerCache {
 public:
  static constexpr size_t kEntriesMax = 10000;
  static constexpr size_t kOctetsMax = 4 << 20;
  static constexpr size_t kEntryOctetsMax = 128 << 10;  // a larger one is not kept

  // Valid until the next Insert or Clear, or until it is found to be over.
  CachedResult* Find(const Inquiry& inquiry, BootTime now);
  // Null if it is not kept; then `result` is as it was.
  CachedResult* Insert(const Inquiry& inquiry, UpstreamResult&& result, BootTime now);
  void Clear();
  void DoubtPins();  // what was pinned may not be any more

  size_t size() const { return entries_.size(); }
  size_t octets() const { return octets_; }

 private:
  struct Entry {
    Inquiry inquiry;
    CachedResult cached;
    size_t octets = 0;
  };
  using Entries = std::list<Entry>;  // the one used last comes first
  void Erase(Entries::iterator entry);

  Entries entries_;
  absl::flat_hash_map<Inquiry, Entries::iterator> index_;
  size_t octets_ = 0;
};

}  // namespace dnspin
