#pragma once
// Knows: whether a reader's requests may stand, as if a stranger had sent them. Arithmetic.

#include <string>
#include <string_view>
#include <vector>

#include "pinning/channel_message.h"
#include "pinning/grant.h"
#include "pinning/ledger.h"
#include "pinning/permission.h"
#include "pinning/pin_group.h"
#include "pinning/policy.h"

namespace dnspin {

struct Judgement {
  enum class Kind {
    kStands,
    kStale,   // it does not, but an older policy may have been its reason: the reader judges again
    kBreach,  // no policy of this generation allows it: the reader lies
  };
  Kind kind = Kind::kBreach;
  std::string why;                    // of a breach, for the log
  std::vector<Ledger::Place> places;  // where its addresses go
  uint32_t rule = 0;                  // the number of the first rule that lists the name, from 1
};

Judgement Judge(const PinRequest& request, const Policy& policy, const Permissions& permissions,
                const std::vector<PinGroup>& groups, const Grants& grants, BootTime now);

// The same for a grant, of which `groups` need not know.
GrantJudgement Judge(const GrantRequest& request, const Policy& policy,
                     const Permissions& permissions, const Grants& grants, BootTime now);

// True if `asked`, if it is listed, may answer this client with `address`.
bool MayPin(const Address& address, const Name& asked, const Policy& policy,
            const Permissions& permissions);

// Where a pin goes that was made for `asked` under `rule_host`: where the rules put that name now;
// if they say nothing of it, it was granted, and goes where that rule host puts it. Empty: nowhere.
std::vector<Ledger::Place> PlacesOfHolder(std::string_view rule_host, const Name& asked,
                                          const Permissions& permissions,
                                          const std::vector<PinGroup>& groups);

}  // namespace dnspin
