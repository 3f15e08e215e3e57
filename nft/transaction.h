#pragma once
// Knows: how messages of nf_tables become one transaction, and what the kernel's replies say of it:
// nothing is believed that they do not. Touches: a NETLINK_NETFILTER socket.

#include <linux/netlink.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "nft/netlink_socket.h"
#include "pinning/address.h"

namespace dnspin {

class Transaction {
 public:
  struct Verdict {
    int error = 0;                // the first; 0 of a kernel that does not answer
    absl::Status status;          // the same, in words
    std::vector<size_t> refused;  // positions of what the kernel named
  };

  // So many messages fit into it, and then any reply. One may serve many transactions in turn.
  static std::vector<char> BufferFor(size_t messages);

  Transaction(NetlinkSocket& socket, std::span<char> buffer);

  // A message to put attributes into, until the next is added; of at most 1024 octets. `position`
  // is that of what it is about: the last one's, or the next.
  nlmsghdr* Add(uint16_t type, Family family, size_t position = 0);

  // For probes, in family ip. An empty one: what a crash left behind goes first.
  void AddFreshTable(const std::string& name);
  void DeleteTable(const std::string& name);

  // Once, after one message at least.
  Verdict Commit(NetlinkSocket::Time deadline);

 private:
  char* Next();
  void AddTable(uint16_t type, const std::string& name);
  bool Judge(const nlmsghdr& reply, Verdict& verdict) const;

  NetlinkSocket& socket_;
  std::span<char> buffer_;
  uint32_t opening_;  // sequence numbers
  uint32_t latest_;
  uint32_t closing_ = 0;
  nlmsghdr* last_;
};

}  // namespace dnspin
