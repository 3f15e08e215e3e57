#pragma once
// Knows: one client as dnspind serves it: its policy, its pins, its channel. Touches nothing by
// itself.

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "io/descriptor.h"
#include "io/reactor.h"
#include "nft/client_record.h"
#include "nft/desired.h"
#include "nft/held_queue.h"
#include "nft/seen_packets.h"
#include "nft/set_reader.h"
#include "nft/upstream_health.h"
#include "pinning/channel_message.h"
#include "pinning/drop_names.h"
#include "pinning/grant.h"
#include "pinning/ledger.h"
#include "pinning/permission.h"
#include "pinning/pin.h"
#include "pinning/pin_group.h"
#include "pinning/policy.h"
#include "pinning/token_bucket.h"

namespace dnspin {

struct ServedClient {
  ClientId id{};
  DesiredClient desired;
  Policy policy;
  std::shared_ptr<const Permissions> permissions;  // of `policy`
  std::vector<PinGroup> groups;                    // of `policy`
  NetworkLists lists;                              // that its rules name
  std::string digest;                              // of its rules: RulesDigest()
  uint32_t set_size = 0;                           // of its pin sets
  Ledger ledger{PinTerms{}};
  Grants grants;                          // made under `policy`, or that stand under it
  DropNames drops;                        // as they are in the kernel
  DropNames learned;                      // as its reader has said since
  bool drops_due = false;                 // these two differ
  uint32_t closed_said = UINT32_MAX;      // the policy's closed_from, as the log has it
  uint32_t placed = 0;                    // by which revision of the surroundings; 0: by none
  std::string interface;                  // where its packets come in; empty: nowhere now
  uint16_t port = 0;                      // of its door
  bool logged = true;                     // what its rules refuse
  bool snooped = false;                   // answers of others to it are to be held
  bool fails_open = false;                // or pass, while nobody reads them
  uint16_t queue = 0;                     // where answers of others to it wait; 0: they do not
  uint32_t reader = 0;                    // who serves it; 0: nobody now
  std::shared_ptr<HeldQueue> held;        // `queue`, while there is a reader
  Descriptor channel;                     // our end
  bool readable = false;                  // something waits there, or in `unread`
  std::string unread;                     // of its packets, the messages not looked at yet
  Watch watch;                            // of `channel`; ends before it
  CountersReport counters;                // as its present reader says
  CountersReport counters_before;         // of the readers before
  TokenBucket requests{50'000, 200'000};  // of its reader: far above what an honest one can need
  uint64_t grants_left_out = 0;           // beyond the limits, or late
  uint64_t pins_refused = 0;              // requests that were not granted: quota, rate, kernel
  uint64_t breaches = 0;                  // of the channel's protocol
  ClientRecord record;                    // of its questions
  SeenPackets packets;                    // of its own
  HealthByUpstream upstreams;             // as its readers say

  CountersReport Totals() const;
  void EndService();                     // by its reader: what waited there is dropped
  void TakePolicy(ServedClient&& next);  // policy and pins; channel, reader and counts stay
  std::string SetName(Family family, uint32_t group) const;  // `pin-10-137-0-25-1`
};

// What the kernel is to hold of the client, but for its pins.
ClientRules RulesOf(const ServedClient& client);

// The elements of a client's drop sets, by group and address.
std::vector<DropElement> DropElementsOf(const Policy& policy, std::span<const PinGroup> groups,
                                        const DropNames& drops);

// The other way, for a restart: what the sets of drop rules say of the client's names. A set that
// has an address of more names than its comment holds says nothing: which of them have it, and no
// other, is not known. `addresses`: those under which the kernel has served the client.
DropNames AdoptDrops(const std::vector<KernelPin>& elements, std::span<const Address> addresses);

// By number; a reload keeps the numbers of clients that stay.
using ServedClients = std::map<ClientId, ServedClient>;

// True unless two clients are known to be behind different interfaces: another qube may have the
// address of one that is gone.
bool MayBeOneQube(std::span<const std::string> interfaces, std::span<const std::string> others);

// By all of them together; nothing: none has asked it.
std::optional<UpstreamHealth> HealthOf(const ServedClients& clients, const Endpoint& upstream);

// Who is who after a change, by address.
class KnownByAddress {
 public:
  explicit KnownByAddress(const ServedClients& clients);  // which outlive it

  // The one that had these addresses, or those of the same names of chains and sets, and is the
  // same qube; null: nobody.
  const ServedClient* FindSame(const DesiredClient& wanted) const;

 private:
  absl::flat_hash_map<Address, std::vector<const ServedClient*>> by_first_;  // of each family
};

}  // namespace dnspin
