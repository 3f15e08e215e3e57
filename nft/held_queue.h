#pragma once
// Knows: one NFQUEUE queue, where the answers to one client wait: how it is set up, and how what
// waits there goes on. Nothing of a packet is looked at here. The one door to libnetfilter_queue.
// Touches: a NETLINK_NETFILTER socket. Needs CAP_NET_ADMIN.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "nft/netlink_socket.h"
#include "pinning/channel_message.h"

namespace dnspin {

struct HeldQueueTerms {
  uint32_t length = 1024;  // packets that may wait; what comes beyond is dropped
  bool fail_open = false;  // or passes, unread (NFQA_CFG_F_FAIL_OPEN)
};

class HeldQueue {
 public:
  // Everything is acknowledged by the kernel when this returns. kAlreadyExists: another process has
  // a queue of this number.
  static absl::StatusOr<std::unique_ptr<HeldQueue>> Open(uint16_t number,
                                                         const HeldQueueTerms& terms);
  HeldQueue(const HeldQueue&) = delete;
  HeldQueue& operator=(const HeldQueue&) = delete;
  // What still waits is dropped, also if a duplicate of the descriptor lives on.
  ~HeldQueue();

  // A duplicate of it reads what waits: the kernel takes nothing from who has no CAP_NET_ADMIN.
  int fd() const { return socket_.fd(); }
  uint16_t number() const { return number_; }

  // Packets of this queue alone; a number that is not there is nobody's loss. They leave with
  // Flush(), or when many have gathered.
  void Decide(const HeldVerdict& verdict);
  void Flush();

  // To be called now and then, the more often the shorter: what still waits that came before
  // something that was decided on when this was called last is dropped. Its client has left a queue
  // that others have too, or its reader has forgotten it.
  void DropForgotten();

 private:
  HeldQueue(NetlinkSocket socket, uint16_t number) : socket_(std::move(socket)), number_(number) {}
  absl::Status Configure(const HeldQueueTerms& terms);

  NetlinkSocket socket_;
  uint16_t number_;
  std::optional<uint32_t> latest_;     // packet that was decided on; its number may have wrapped
  std::optional<uint32_t> forgotten_;  // `latest_` of the last time
  std::vector<char> verdicts_;         // messages that have not left
};

}  // namespace dnspin
