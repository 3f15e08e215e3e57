#pragma once
// Knows: the messages between dnspind and a reader (dnspin-resolver), on one SOCK_SEQPACKET pair a
// client: the descriptor names the client, no message can. Bounded, of fixed shape, little-endian;
// each side judges what it gets like a stranger's. Touches nothing.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "pinning/address.h"
#include "pinning/name.h"

namespace dnspin {

inline constexpr size_t kMessageOctetsMax = 1024;
inline constexpr size_t kAddressesPerRequest = 24;  // more addresses go in several requests
inline constexpr size_t kRuleHostOctetsMax = 256;   // a longer pattern is refused at load
inline constexpr size_t kRequestsOpenMax = 1024;    // unanswered pin requests on one channel
inline constexpr size_t kPutBackOctetsMax = 4136;   // an IP packet that takes another's place
inline constexpr size_t kPutBackOctetsMin = 28;     // the headers of IPv4 and UDP
inline constexpr size_t kHeldVerdictOctetsMax = 1 + 2 + 4 + 1 + 2 + kPutBackOctetsMax;

// Reader to dnspind: pin these addresses for this asked name under this rule host.
struct PinRequest {
  uint64_t ticket = 0;      // the reader's own; comes back in the reply
  uint32_t generation = 0;  // of the policy by which the reader judged
  uint32_t told_s = 0;      // the TTL it is about to tell
  Name asked;
  std::string rule_host;  // HostPattern::Text() of the first accept rule that lists the name
  std::vector<Address> addresses;  // 1..kAddressesPerRequest
  bool unasked = false;            // nobody waits for it: it yields to questions at the quota
  bool operator==(const PinRequest&) const = default;
};

// Reader to dnspind, one way: a question was refused (for the journal). Budgeted by the reader.
struct RefusalReport {
  uint16_t ede = 0;  // RFC 8914 code
  Name asked;
  bool operator==(const RefusalReport&) const = default;
};

// Reader to dnspind, one way, for who wants to see it: what an upstream has just said, as the
// client is told it. Budgeted by the reader; nothing hangs on it.
struct AnswerReport {
  static constexpr size_t kChainMax = 16;
  static constexpr size_t kChainOctetsMax = 300;  // what is longer is left out, from its end
  uint16_t type = 0;
  uint8_t rcode = 0;    // RFC 1035 section 4.1.1
  bool pinned = false;  // its addresses were, or are about to be
  uint32_t told_s = 0;  // the smallest TTL
  Name asked;
  std::vector<Name> chain;         // the other names on its lineage, in order
  std::vector<Address> addresses;  // the first kAddressesPerRequest
  bool operator==(const AnswerReport&) const = default;
};

// Reader to dnspind, one way: totals since the reader began to serve this client, about once a
// second.
struct CountersReport {
  uint64_t received = 0;   // datagrams and stream messages, and connections that were not taken
  uint64_t questions = 0;  // well-formed ones among them
  uint64_t answered = 0;   // NOERROR and NXDOMAIN sent
  uint64_t refused = 0;    // REFUSED sent
  uint64_t failed = 0;     // SERVFAIL and other errors sent
  uint64_t dropped = 0;  // nothing sent: no question, spoofed, over a limit, nobody there any more
  uint64_t cache_hits = 0;
  uint64_t upstream_questions = 0;
  uint64_t answers_released_unpinned = 0;  // promise 1: stays 0
  uint64_t reports_left_out = 0;           // refusals of which no report was sent: too many
  // What the client's limits kept out; each is among those that were dropped, refused or failed.
  uint64_t over_rate = 0;         // datagrams that came faster than they are read
  uint64_t over_in_flight = 0;    // questions: too many wait
  uint64_t over_connections = 0;  // connections not taken: too many are open
  uint64_t over_names = 0;        // questions for new names: too many under one pattern
  uint64_t forgeries = 0;         // datagrams at an upstream's socket that are not its answer
  uint64_t held_overruns = 0;     // answers came to the queue faster than they were read
  CountersReport& operator+=(const CountersReport& other);
  bool operator==(const CountersReport&) const = default;
};

// Reader to dnspind, one way, once a second at most for each of the upstreams while there is
// something new: how it fares. Nothing hangs on it.
struct UpstreamReport {
  struct Answered {
    uint32_t ago_ms = 0;
    uint32_t round_trip_us = 0;  // smoothed
    bool operator==(const Answered&) const = default;
  };
  Endpoint server;
  bool failing = false;   // what it was asked last it has not answered in time
  uint32_t answers = 0;   // since the report before; these or
  uint32_t failures = 0;  // these are not 0
  std::optional<Answered> last;
  bool operator==(const UpstreamReport&) const = default;
};

// Reader to dnspind, one way, before the pins and the answer that it belongs to: the answer for
// `parent`, which `rule_host` lists or a grant under it lets be asked, names `target`.
struct GrantRequest {
  uint32_t generation = 0;
  uint32_t ttl_s = 0;  // how long the answer lives, as told
  std::string rule_host;
  Name parent;
  Name target;
  bool operator==(const GrantRequest&) const = default;
};

// Reader to dnspind, one way: what the name of a drop rule resolves to now, as its upstream has
// definitely said (NOERROR, with addresses or without, or NXDOMAIN). An answer of many addresses
// comes in pieces, one behind the other; the last one replaces what was known.
struct DropAddresses {
  uint32_t generation = 0;  // as of a PinRequest
  Name name;
  Family family = Family::kIpv4;
  bool first = true;
  bool last = true;
  std::vector<Address> addresses;  // of that family, at most kAddressesPerRequest; none only where
                                   // there is none at all
  bool operator==(const DropAddresses&) const = default;
};

// Reader to dnspind, one way, once for each: what becomes of a packet that waits in this client's
// queue. The one message that may be longer than kMessageOctetsMax.
struct HeldVerdict {
  enum class Kind : uint8_t { kDrop, kAccept, kReplace };
  uint16_t queue = 0;   // as the notice of it said: numbers of packets begin anew in each
  uint32_t packet = 0;  // the kernel's number of it
  Kind kind = Kind::kDrop;
  std::string octets;  // kReplace: the packet that goes on instead; dnspind never looks into it
  bool operator==(const HeldVerdict&) const = default;
};

using FromReader = std::variant<PinRequest, RefusalReport, CountersReport, GrantRequest,
                                DropAddresses, HeldVerdict, AnswerReport, UpstreamReport>;

enum class PinOutcome : uint8_t {
  kDone,    // every address is in the kernel
  kQuota,   // per_client or per_name reached
  kStale,   // judged by an older policy: judge again by the current one
  kFailed,  // the kernel said no, or nothing in time
};

// dnspind to reader.
struct PinReply {
  uint64_t ticket = 0;
  PinOutcome outcome = PinOutcome::kFailed;
  bool operator==(const PinReply&) const = default;
};

// dnspind to reader: the policy in the sealed memfd that comes with this message holds from now on.
struct PolicyNotice {
  uint32_t generation = 0;
  bool operator==(const PolicyNotice&) const = default;
};

// dnspind to reader: what was pinned may not be in the kernel any more. What is told from now on is
// asked for anew.
struct PinsInDoubt {
  bool operator==(const PinsInDoubt&) const = default;
};

// dnspind to reader: answers on their way to this client wait in the queue that comes with this
// message (a netlink socket, configured; for whoever may not administer the network it can only be
// read).
struct QueueNotice {
  uint16_t queue = 0;
  bool operator==(const QueueNotice&) const = default;
};

using ToReader = std::variant<PinReply, PolicyNotice, PinsInDoubt, QueueNotice>;

std::string Encode(const FromReader& message);
std::string Encode(const ToReader& message);

// The whole span is one message, or it is an error that says what is wrong with it.
absl::StatusOr<FromReader> DecodeFromReader(std::span<const uint8_t> bytes);
absl::StatusOr<ToReader> DecodeToReader(std::span<const uint8_t> bytes);

}  // namespace dnspin
