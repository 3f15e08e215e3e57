#pragma once
// Knows: how nft command text reaches the kernel. The one door to libnftables. Touches: its netlink
// socket; no file and no program.

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct nft_ctx;

namespace dnspin {

class Nftables {
 public:
  // Opens the socket; needs CAP_NET_ADMIN here and at every call.
  static absl::StatusOr<Nftables> Create();

  // All of `commands`, one a line, as one transaction: done, or kFailedPrecondition with
  // libnftables' own words and the command that they are about, and nothing changed.
  absl::Status Run(const std::string& commands);

  // A transaction that leaves nothing behind, by a table that is nobody's.
  absl::Status Probe(const std::string& table);

 private:
  struct Free {
    void operator()(nft_ctx* context) const;
  };
  using Context = std::unique_ptr<nft_ctx, Free>;
  explicit Nftables(Context context) : context_(std::move(context)) {}

  Context context_;
};

}  // namespace dnspin
