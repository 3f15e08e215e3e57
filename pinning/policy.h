#pragma once
// Knows: all that both processes must agree on about one client. A value: dnspind makes it, a
// sealed memfd carries it, dnspin-resolver reads it back (config/policy_document.h).

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "pinning/address.h"
#include "pinning/clock.h"
#include "pinning/name.h"
#include "pinning/rule_list.h"

namespace dnspin {

// The `[pins]` of dnspin.toml.
struct PinTerms {
  std::chrono::seconds told_max{300};  // longest TTL told for a pinned name
  std::chrono::seconds floor{300};     // shortest pin life
  std::chrono::seconds slack{30};      // pin life beyond the TTL told
  uint32_t per_client = 4096;
  uint32_t per_name = 1024;
  auto operator<=>(const PinTerms&) const = default;
};

// The `[limits]` of dnspin.toml: what one client may take of what all share.
struct Limits {
  uint32_t questions_in_flight = 1024;   // that wait for their answer
  uint32_t questions_per_second = 2000;  // in the long run
  uint32_t questions_burst = 4000;       // at once
  uint32_t connections = 32;             // over TCP
  uint32_t names_per_pattern = 6000;     // new ones a minute under one pattern of its rules
  auto operator<=>(const Limits&) const = default;
};

// What is told of HTTPS and SVCB records, the `svcb` and `ech` of dnspin.toml.
struct BindingTerms {
  enum class Svcb : uint8_t {
    kPin,     // with address hints, which are pinned as addresses are
    kStrip,   // without them
    kNodata,  // nothing: there are none
  };
  enum class Ech : uint8_t { kKeep, kStrip };
  Svcb svcb = Svcb::kPin;
  Ech ech = Ech::kKeep;
  auto operator<=>(const BindingTerms&) const = default;
};

struct Upstream {
  Endpoint endpoint;
  std::string interface;  // its route leaves by this one now; questions are bound to it
  auto operator<=>(const Upstream&) const = default;
};

// A name that an allowed answer has named (design.md 7): the client may ask it for a while, and it
// is pinned under the rule of that answer.
struct Grant {
  std::string rule_host;  // HostPattern::Text() of that rule
  Name target;
  Name parent;        // whose answer named it; the target itself: a pin that was adopted says it
  uint8_t depth = 1;  // 1: the rule lists the parent; 2: the parent is a target of such a one
  BootTime until;
  auto operator<=>(const Grant&) const = default;
};

struct Policy {
  std::string client;              // what it is called
  std::vector<Address> addresses;  // both families; the first of a family names its chain and sets
  uint32_t generation =
      0;  // counts this client's policies; a request names the one it was judged by
  std::vector<uint32_t>
      interface_indexes;  // where the client's packets come in; none: not there now, serve nothing
  RuleList rules;         // expired ones are gone
  uint32_t closed_from = UINT32_MAX;  // position of the first rule that closes the chain: a drop
                                      // whose addresses are not known yet; none: beyond the last
  std::vector<uint32_t> prefetch;     // positions of rules whose exact names are resolved unasked
  PinTerms terms;
  Limits limits;
  std::vector<HostPattern> rebind_ok;
  BindingTerms bindings;
  bool intercept_any = false;
  std::vector<Address> intercept;  // what the client may take for its DNS server
  bool reaches_upstreams = false;  // a question may also go out by what its rules say of upstreams
  std::vector<Upstream> upstreams;
  std::vector<Address>
      own;  // sorted: this machine's and its clients'; no name may answer with them
  std::vector<Grant> grants;  // for a reader that is told this: what was granted before

  bool HasFamily(Family family) const;
  bool operator==(const Policy&) const = default;
};

}  // namespace dnspin
