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

  using Each = std::function<void(const nlmsghdr&)>;

  // Every message about all tables, or chains (NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN). kAborted:
  // somebody changed the ruleset meanwhile.
  absl::Status All(uint16_t type, const Each& each);

  // As above, of a table's sets and maps, or rules; none if it is not there. The kernel leaves out
  // what others have in theirs, however much that is.
  absl::Status Sets(const std::string& table, const Each& each);
  absl::Status Rules(const std::string& table, const Each& each);

  // As above, of a set or map that was there a moment ago.
  absl::Status Elements(const std::string& table, const std::string& set,
                        const std::function<void(nftnl_set_elem*)>& each);

  // For callbacks: as it says; a message for which there was no memory fails the dump. Without it
  // what the kernel holds would look like less.
  bool Took(bool parsed);

  Family family() const { return family_; }

 private:
  absl::Status Ask(const nlmsghdr& request, const Each& each);
  nlmsghdr* Request(uint16_t type);
  absl::Status AskOfTable(const nlmsghdr& request, const Each& each);

  NetlinkSocket& socket_;
  Family family_;
  bool unread_ = false;
  alignas(nlmsghdr) std::array<char, 1024> request_{};  // a header and two names
};

// Calls `read` with a dump of its own until nobody disturbs it, a bounded number of times.
absl::Status ReadUndisturbed(Family family, const std::function<absl::Status(TableDump&)>& read);

}  // namespace dnspin
