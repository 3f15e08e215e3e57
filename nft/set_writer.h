#pragma once
// Knows: how pin elements reach the kernel, and which way of refreshing them it has. Touches: a
// NETLINK_NETFILTER socket.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nft/netlink_socket.h"
#include "nft/refresh_way.h"
#include "nft/transaction.h"
#include "pinning/pin.h"

namespace dnspin {

class SetWriter final : public Pinner {
 public:
  // Writes to the sets of tables `ip TABLE` and `ip6 TABLE`. Needs CAP_NET_ADMIN, here and at every
  // Commit. Asks the kernel which refresh way works, in a table of its own; one that is `forced` is
  // taken whatever it says.
  static absl::StatusOr<std::unique_ptr<SetWriter>> Create(
      std::string table, std::optional<RefreshWay> forced = std::nullopt);

  // One transaction. OK: the kernel has acknowledged all elements. kDeadlineExceeded: it said
  // nothing in 500 ms, so they may be there or not. Any other error: none is there. `refused` are
  // the elements that the kernel named.
  CommitResult Commit(std::span<const PinElement> elements) override;

  uint32_t port_id() const { return socket_.port_id(); }  // whose transactions are these
  RefreshWay refresh_way() const { return refresh_way_; }

 private:
  SetWriter(std::string table, NetlinkSocket socket);

  Transaction::Verdict CommitOnce(std::span<const PinElement> elements,
                                  NetlinkSocket::Time deadline);

  absl::StatusOr<RefreshWay> ProbeRefreshWay();
  absl::Status MakeProbe(const std::string& table, const PinElement& element);
  absl::Status RefreshProbe(const std::string& table, const PinElement& element);
  absl::StatusOr<std::chrono::milliseconds> ProbeLeft(const std::string& table,
                                                      const PinElement& element);
  absl::Status RemoveProbe(const std::string& table);

  std::string table_;
  NetlinkSocket socket_;
  RefreshWay refresh_way_ = RefreshWay::kAddDeleteAdd;
  std::vector<char> buffer_;  // of every transaction
};

}  // namespace dnspin
