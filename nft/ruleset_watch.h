#pragma once
// Knows: that somebody else has changed what dnspind made in the kernel, or who is there by Qubes
// OS' own sets (nfnetlink events; "nft
// monitor" shows the same). Touches: a NETLINK_NETFILTER socket. Needs CAP_NET_ADMIN to begin.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nft/netlink_socket.h"

namespace dnspin {

class RulesetWatch {
 public:
  // Watches tables TABLE, dnspin-dns and, for our rules in it, qubes, of both families.
  static absl::StatusOr<RulesetWatch> Create(const std::string& table);

  int fd() const { return socket_.fd(); }

  // From now on transactions of this process are known as its own. `port_id` is the netlink port of
  // a socket of ours that has committed one since Create(). What comes by any port that this
  // process has committed by since then is not even received any more.
  absl::Status LearnOwn(uint32_t port_id);

  // Takes what has come. Who has changed what is ours: "nft (pid 1234)"; nothing if nobody has. The
  // rules of others, in our chains too, are none of our business. kDataLoss: there was more than
  // could be kept, so that nobody knows.
  absl::StatusOr<std::optional<std::string>> Drain();

  // True if it was the doors since the last call, or nobody knows: questions may have gone past.
  bool TakeDoorsTouched() { return std::exchange(doors_touched_, false); }

  // True if sets `allowed` of Qubes OS, or their tables, have changed since the last call, or
  // nobody knows: qubes may have come or gone.
  bool TakeAllowedTouched() { return std::exchange(allowed_touched_, false); }

 private:
  RulesetWatch(NetlinkSocket socket, const std::string& table);

  absl::Status Receive();
  absl::Status FilterOwn();
  void Take(const nlmsghdr& event);
  void EndTransaction(const nlmsghdr& generation);
  bool Concerns(const nlmsghdr& event) const;

  NetlinkSocket socket_;
  std::set<std::string, std::less<>> tables_;
  std::vector<char> buffer_;
  std::optional<uint32_t> own_pid_;  // of this process, as the kernel calls it
  std::set<uint32_t> own_ports_;     // its sockets'; libnftables may open another at any time
  bool learnt_ = false;              // a port, since the last filter
  bool doors_touched_ = false;
  bool allowed_touched_ = false;
  bool touched_ = false;  // by the transaction whose events are coming
  std::optional<std::string> disturbed_by_;
};

}  // namespace dnspin
