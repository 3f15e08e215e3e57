#pragma once
// Knows: which clients' flows may have begun under rules that hold no more, and cuts those that
// their chains refuse now. A flow that the chain still accepts is never touched. Touches:
// conntrack.

#include <cstddef>
#include <set>
#include <span>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "nft/served_client.h"

namespace dnspin {

class LiveFlows {
 public:
  void Doubt(ClientId client) { doubted_.insert(client); }
  void DoubtAll(const ServedClients& clients);     // the tables were not as they should be
  void Outlaw(std::span<const Address> departed);  // who is no client any more
  // Whose DNS takes another way now: what began before, by another door or none, would never come
  // to it.
  void Redirect(std::span<const Address> clients);

  // Judges all that is doubted, in one look at the kernel's flows. Returns how many were cut,
  // those redirected left out. After an error the doubts remain: try again. `local`: this machine's
  // own addresses, to and from which nothing is forwarded. A flow that somebody else begins towards
  // a client is refused unless `terms` let it in: the kernel has it so too where it came to know a
  // client's own connection in the middle, by an answer, while a gap left that through.
  absl::StatusOr<size_t> CutRefused(ServedClients& clients, std::span<const Address> local,
                                    const RulesetTerms& terms);
  // What has ended is remembered only for flows that there are (Ledger::past): one look at the
  // kernel's, if anything has ended since the last.
  static absl::Status ForgetPast(ServedClients& clients);

  bool doubts() const { return !doubted_.empty() || !outlaws_.empty() || !redirected_.empty(); }

 private:
  std::set<ClientId> doubted_;
  std::vector<Address> outlaws_;
  absl::flat_hash_set<Address> redirected_;
  bool since_a_gap_ = false;
};

}  // namespace dnspin
