#pragma once
// Knows: how the kernel is told to put packets into a queue: by the nft expression where it has
// that, by the xtables target where not, which libnftables has no words for. Touches: a
// NETLINK_NETFILTER socket. Needs CAP_NET_ADMIN.

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nft/hold_chains.h"
#include "nft/netlink_socket.h"

namespace dnspin {

enum class QueueWay : uint8_t { kExpression, kTarget };

class HoldRules {
 public:
  // Asks the kernel which way works, in a table of its own. Fails where none does. `fail_open`:
  // what comes while nobody reads the queue passes, instead of being dropped.
  static absl::StatusOr<std::unique_ptr<HoldRules>> Create(std::string table, bool fail_open);

  // From now on these chains of tables TABLE, which are there, hold one rule that queues and one
  // that drops, and no others. One transaction for each of them at least: a packet meets what was
  // there, or these.
  absl::Status Put(std::span<const HoldChain> chains);

  QueueWay way() const { return way_; }
  uint32_t port_id() const { return socket_.port_id(); }  // whose transactions are these

 private:
  HoldRules(std::string table, bool fail_open, NetlinkSocket socket)
      : table_(std::move(table)), fail_open_(fail_open), socket_(std::move(socket)) {}
  absl::Status Probe(QueueWay way);
  absl::Status PutOnce(std::span<const HoldChain> chains);

  std::string table_;
  bool fail_open_;
  NetlinkSocket socket_;
  QueueWay way_ = QueueWay::kExpression;
};

}  // namespace dnspin
