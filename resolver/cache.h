#pragma once
// Knows: what upstreams have answered to one client lately. It keeps what they said, not what was
// made of it: whoever asks again has the same answer judged anew. Beside it stands until when it is
// pinned, by dnspind's word. Bounded; what was not used for a while goes. Touches nothing.

#include <chrono>
#include <optional>

#include "pinning/clock.h"
#include "resolver/inquiry.h"
#include "resolver/octet_store.h"

namespace dnspin {

// How long a result may be told again: by its lineage (RFC 2181), for nothing there by its SOA
// (RFC 2308), for a failure one second (RFC 9520). Nothing if it may not.
std::optional<std::chrono::seconds> LifeOf(const UpstreamResult& result);

// Of all addresses that an answer brings under one rule. Past: not, or in doubt.
struct PinnedUntil {
  uint32_t rule = 0;
  BootTime until{};
};

struct CachedResult {
  UpstreamResult result;
  BootTime received;
  BootTime until;
  PinnedUntil pinned = {};
};

class AnswerCache {
 public:
  static constexpr size_t kOctetsMax = 2560 << 10;      // of the heap
  static constexpr size_t kEntryOctetsMax = 128 << 10;  // a larger one is not kept

  std::optional<CachedResult> Find(const Inquiry& inquiry, BootTime now);
  // Until when it is kept: `now` if it is not.
  BootTime Insert(const Inquiry& inquiry, const UpstreamResult& result, BootTime now);
  void Clear() { store_.Clear(); }

  // Of the answer that was there at `since`; of one that came later nothing is known.
  void NotePins(const Inquiry& inquiry, BootTime since, const PinnedUntil& pinned);
  void DoubtPins();  // what was pinned may not be any more, or not by the same rules

  size_t size() const { return store_.size(); }
  size_t octets() const { return store_.octets(); }

 private:
  OctetStore store_{kOctetsMax};
};

}  // namespace dnspin
