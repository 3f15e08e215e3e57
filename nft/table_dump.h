#pragma once
// Knows: how to ask the kernel for all that is in the tables of one family. Touches: a
// NETLINK_NETFILTER socket.

#include <linux/netlink.h>

#include <array>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "nft/netlink_socket.h"
#include "nft/nftnl.h"

namespace dnspin {

class TableDump {
 public:
  TableDump(NetlinkSocket& socket, Family family) : socket_(socket), family_(family) {}

  // Every message about an object of the type that NFT_MSG_GET* `type` asks for, in all tables.
  // kAborted: somebody changed the ruleset meanwhile.
  absl::Status Objects(uint16_t type, const std::function<void(const nlmsghdr&)>& each);

  // As above, of a set or map that was there a moment ago.
  absl::Status Elements(const std::string& table, const std::string& set,
                        const std::function<void(nftnl_set_elem*)>& each);

  Family family() const { return family_; }

 private:
  nlmsghdr* Request(uint16_t type);

  NetlinkSocket& socket_;
  Family family_;
  alignas(nlmsghdr) std::array<char, 1024> request_{};  // a header and two names
};

// Calls `read` with a dump of its own until nobody disturbs it, a bounded number of times.
absl::Status ReadUndisturbed(Family family, const std::function<absl::Status(TableDump&)>& read);

}  // namespace dnspin
