#pragma once
// Knows: what dnspind does while it is still root: the launcher, the control socket, the lock; then
// it gives its powers away. Touches: run_dir, users, this process's credentials.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "io/descriptor.h"
#include "nft/journal.h"
#include "nft/powers.h"
#include "pinning/clock.h"

namespace dnspin {

struct StartTerms {
  std::string run_dir;
  std::string user;
  std::string resolver_user;
  uint32_t reader_descriptors = 0;  // each may have at most
};

struct Started {
  Descriptor launcher;  // our end of the talk with it
  Descriptor control;   // listens
  Descriptor lock;      // one dnspind a network namespace: held while this is open
  User user;            // what this process is now
  User reader;          // and what its readers are
  std::string user_name;
  std::vector<std::string> warnings;
};

// Needs root. On success this process is `user` with CAP_NET_ADMIN and nothing else.
absl::StatusOr<Started> StartAndDropPowers(const StartTerms& terms);

// What stands in the way of nothing but should be mended; `settings`: files to be read anew.
void SayWarnings(const Started& started, const std::vector<std::string>& settings, Journal& journal,
                 BootTime now);

}  // namespace dnspin
