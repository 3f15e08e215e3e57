#pragma once
// Knows: when what readers say of dropped names comes into force: elements in the drop sets, and
// chains that open further once all addresses to drop are known. Touches: the firewall, the
// clients' channels, the journal.

#include <optional>
#include <string>
#include <vector>

#include "nft/firewall.h"
#include "nft/journal.h"
#include "nft/reader_service.h"
#include "nft/served_client.h"
#include "pinning/clock.h"

namespace dnspin {

class DropService {
 public:
  // All outlive the service.
  DropService(Firewall& firewall, ReaderService& readers, Journal& journal, Clock& clock)
      : firewall_(firewall), readers_(readers), journal_(journal), clock_(clock) {}

  // One transaction for all that is due. Answers that keep changing wait for each other, so that
  // they take a tenth of the time at most. Says also where chains are closed, and open again.
  // Returns the clients whose chains refuse more than before.
  std::vector<ClientId> Settle(ServedClients& clients, BootTime now);
  std::optional<BootTime> NextDeadline() const { return due_; }

 private:
  void TakeOver(ServedClient& client, BootTime now);
  void SayResolved(const ServedClient& client, BootTime now);
  void SayWhereClosed(ServedClient& client, BootTime now);

  Firewall& firewall_;
  ReaderService& readers_;
  Journal& journal_;
  Clock& clock_;
  std::optional<BootTime> due_;  // something waits for then
  BootTime not_before_;
};

}  // namespace dnspin
