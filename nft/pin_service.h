#pragma once
// Knows: how readers' messages become grants and pins: judged, planned against quotas, confirmed by
// the kernel, then answered. Touches: the clients' channels, a Pinner, the journal.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nft/journal.h"
#include "nft/served_client.h"
#include "pinning/clock.h"
#include "pinning/gate.h"

namespace dnspin {

// Why a client's reader cannot go on.
struct ReaderFault {
  std::string why;
  bool breach = true;  // of the channel's protocol; false: it is gone, whatever the reason
};

class PinService {
 public:
  // All outlive the service.
  PinService(Pinner& pinner, Journal& journal, Clock& clock)
      : gate_(pinner), journal_(journal), clock_(clock) {}

  // Takes what waits on the client's channel, up to a fair share. Returns why its reader must end,
  // if it must: it closed the channel, sent what no honest reader sends, or does not read.
  std::optional<ReaderFault> Take(ServedClient& client, BootTime now);

  bool Waiting() const { return !pending_.empty(); }

  // Has the kernel confirm what was taken and is not confirmed yet. False if it did not confirm all
  // of it: that can be tried again.
  bool Commit(ServedClients& clients);

  // What was confirmed may have gone meanwhile: it counts as failed.
  void Distrust();

  // Answers all that was taken, and then logs it: what the kernel has not confirmed has failed.
  // Returns the clients whose reader must end.
  std::vector<std::pair<ClientId, ReaderFault>> Answer(ServedClients& clients);

  uint64_t commits_failed() const { return commits_failed_; }

 private:
  struct Share;
  struct Pending {
    ClientId client;
    PinRequest request;
    std::vector<PinChange> changes;
    std::optional<PinOutcome> outcome;  // set as soon as it is known
    std::vector<PinChange> pinned;      // those that are news, for the log
    uint32_t rule = 0;                  // the number of the rule, for the log
  };

  std::optional<ReaderFault> TakePacket(ServedClient& client, std::string_view bytes, Share& share,
                                        BootTime now);
  std::optional<ReaderFault> TakeMessage(ServedClient& client, std::span<const uint8_t> octets,
                                         Share& share, BootTime now);
  std::optional<ReaderFault> Answer(ServedClient& client, std::span<Pending> asked, BootTime now);
  std::optional<ReaderFault> Consider(ServedClient& client, Pending& pending, BootTime now);
  std::optional<ReaderFault> Consider(ServedClient& client, const GrantRequest& request,
                                      BootTime now);
  static std::optional<ReaderFault> Learn(ServedClient& client, const DropAddresses& piece,
                                          BootTime now);
  static void Confirm(ServedClient& client, Pending& pending, BootTime now);
  void Fail(ServedClient& client, Pending& pending, BootTime now);
  void LogPinned(const ServedClient& client, const PinChange& change, uint32_t rule, BootTime now);
  void TakeCounters(ServedClient& client, const CountersReport& report, BootTime now);
  void LogRefusal(const ServedClient& client, const RefusalReport& report, BootTime now);

  Gate gate_;
  Journal& journal_;
  Clock& clock_;
  std::vector<Pending> pending_;
  uint64_t commits_failed_ = 0;
};

}  // namespace dnspin
