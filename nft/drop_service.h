#pragma once
// Knows: when what readers say of dropped names comes into force: elements in the drop sets, and
// chains that open further once all addresses to drop are known. Touches: the journal; the firewall
// and the clients' readers as it is given them.

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "nft/journal.h"
#include "nft/ruleset.h"
#include "nft/served_client.h"
#include "pinning/clock.h"

namespace dnspin {

class DropService {
 public:
  struct Parts {                                                       // all outlive the service
    std::function<absl::Status(std::span<const ClientChange>)> apply;  // Firewall::ApplyDrops
    std::function<void(ServedClient&, BootTime)> send_policy;          // ReaderService::SendPolicy
    Journal& journal;
    Clock& clock;
  };
  explicit DropService(Parts parts) : parts_(std::move(parts)) {}

  // Somebody's drops may be due, or their chain closed elsewhere: the next Settle looks at all.
  void Look() { look_ = true; }

  // One transaction for all that is due; if that fails, one for each client, so that none waits for
  // another's. Whose failed tries again, alone, after growing pauses. Says also where chains are
  // closed, and open again. Returns the clients whose chains refuse more than before.
  std::vector<ClientId> Settle(ServedClients& clients, BootTime now);

  // Now the flows that this refused are cut as well. Answers that keep changing wait for each
  // other, so that all of it takes a tenth of the time at most.
  void Rest();

  std::optional<BootTime> NextDeadline() const;

 private:
  struct Failing {
    BootTime again;
    std::chrono::seconds pause{0};
  };

  std::vector<ServedClient*> TakeDue(ServedClients& clients, BootTime now);
  absl::Status Apply(std::span<ServedClient* const> clients, std::vector<ClientId>& stricter,
                     BootTime now);
  void Postpone(const ServedClient& client, const absl::Status& status, BootTime now);
  void TakeOver(ServedClient& client, BootTime now);
  void SayResolved(const ServedClient& client, BootTime now);
  void SayWhereClosed(ServedClient& client, BootTime now);

  Parts parts_;
  std::map<ClientId, Failing> failing_;
  bool look_ = false;
  std::optional<BootTime> due_;    // something waits for then
  std::optional<BootTime> began_;  // what ends with Rest()
  BootTime not_before_;
};

}  // namespace dnspin
