#pragma once
// Knows: how to start and end readers. A small process of its own, forked before dnspind drops its
// privileges: it opens doors and execs dnspin-resolver on fixed-size requests, and reads nothing
// else. Touches: sockets, processes; no netlink, no CAP_NET_ADMIN.

#include <sys/types.h>

#include "absl/status/statusor.h"
#include "io/descriptor.h"
#include "nft/powers.h"

namespace dnspin {

struct LauncherTerms {
  User own;                     // what the launcher becomes
  User reader;                  // what a reader becomes
  int reader_program;           // dnspin-resolver, opened before any privilege went
  int empty_root;               // an unlinked directory: what a reader sees as /
  uint32_t reader_descriptors;  // it may have at most
};

// Forks the launcher. The returned end carries LauncherRequest out and LauncherReport in; when it
// closes, the launcher ends and its readers with it.
absl::StatusOr<Descriptor> ForkLauncher(const LauncherTerms& terms);

}  // namespace dnspin
