#pragma once
// Knows: what one client asked lately and was told, as its reader says: for who wants to see it.
// Bounded; no decision hangs on it. Touches nothing.

#include <chrono>
#include <cstdint>
#include <list>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "pinning/address.h"
#include "pinning/channel_message.h"
#include "pinning/clock.h"
#include "pinning/name.h"

namespace dnspin {

struct AskedName {
  Name name;
  uint16_t type = 0;  // of the last question, that had addresses if any had; 0: none was told
  uint8_t rcode = 0;
  bool pinned = false;
  std::optional<uint16_t> refused;  // RFC 8914 code of the last refusal; none: it was answered
  uint32_t told_s = 0;
  uint64_t count = 0;  // of what was said of it: answers from a cache are not
  BootTime first;
  BootTime last;
  std::vector<Name> chain;
  std::vector<Address> addresses;  // the latest first
};

class ClientRecord {
 public:
  static constexpr size_t kNamesMax = 256;  // those that were asked last
  static constexpr size_t kAddressesMax = 32;

  void Take(const AnswerReport& report, BootTime now);
  void Take(const RefusalReport& report, BootTime now);

  const std::list<AskedName>& names() const { return names_; }  // the latest first
  const AskedName* Find(const Name& name) const;                // null: not known, or forgotten
  // Those whose answers had this address, the latest first.
  std::vector<const AskedName*> With(const Address& address) const;

 private:
  AskedName& Note(const Name& name, BootTime now);

  std::list<AskedName> names_;
  absl::flat_hash_map<Name, std::list<AskedName>::iterator> by_name_;
};

}  // namespace dnspin
