#pragma once
// Knows: what RFC 1035 and design.md 7 make of an answer, worked out a second time from the raw
// octets and by other means than resolver/ and pinning/, of which it includes nothing: where the
// two differ, one of them is wrong. Touches nothing.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dnspin::oracle {

using Labels = std::vector<std::string>;  // in lower case, the topmost last; the root has none

struct Entry {
  Labels owner;
  uint16_t type = 0;
  uint16_t klass = 0;
  uint32_t ttl = 0;              // as it stands there
  std::string rdata;             // as it stands there
  std::optional<Labels> target;  // of a CNAME or DNAME that is one whole name
};

struct Message {
  uint16_t id = 0;
  uint16_t rcode = 0;  // all twelve bits
  Labels asked;
  uint16_t type = 0;
  std::vector<Entry> answer, authority, additional;
  bool plain = true;  // made of what nobody could object to: a strict reader must take it
};

// Nothing if it cannot be a reply to one question of class IN, or leaves octets over.
std::optional<Message> Read(std::string_view octets);

struct Descent {
  bool believed = true;       // false: loop, two aliases, a 17th link, a DNAME that disagrees
  std::vector<Labels> names;  // from the asked name to the end of its aliases
  std::map<std::string, uint32_t> addresses;  // at the end, 4 or 16 octets each, with their TTLs
  std::set<std::string> hints;                // in HTTPS and SVCB records at the end
  std::optional<uint32_t> way_ttl;            // the smallest on the way, if there are aliases
  std::optional<uint32_t> ttl;                // that, and of all records at the end
};
Descent Follow(const Message& message);

// The address hints of one HTTPS or SVCB record; nothing if it is malformed.
std::optional<std::set<std::string>> HintsIn(std::string_view rdata);

// True if a pinned name may not answer with it (design.md 7). `private_too`: not even with the five
// ranges that `rebind_ok` lifts. `own`: addresses of this machine and its clients.
bool IsForbidden(std::string_view address, bool private_too, const std::set<std::string>& own);

}  // namespace dnspin::oracle
