#pragma once
// Knows: what dnspind has noted of a client, read from its reply to `record`. Touches nothing.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/control_client.h"
#include "pinning/address.h"
#include "pinning/name.h"
#include "pinning/rule.h"

namespace dnspin {

// A name, whatever types were asked.
struct RecordedName {
  std::string text;          // as dnspind escapes it
  std::optional<Name> host;  // if it is one
  std::string standing;
  std::set<std::string> chain;  // names that its answers led through
  int64_t count = 0;
  std::set<Address> addresses;
  std::set<Service> services;  // seen in use, or blocked
};

// Packets that were rejected.
struct RecordedPacket {
  std::string name;  // that the address was told with; may be empty
  std::optional<Address> address;
  std::optional<Service> service;  // none: no protocol that a rule could name
  std::string text;                // "tcp/22"
  int64_t count = 0;
  bool dropped = false;  // by a rule that names it
};

struct RecordedClient {
  std::string client;
  std::vector<Rule> rules;  // its own, also while it is taught
  std::map<std::string, RecordedName> names;
  std::vector<RecordedPacket> packets;
};

RecordedClient ReadRecord(const Json& reply);

}  // namespace dnspin
