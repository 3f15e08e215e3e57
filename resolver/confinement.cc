#include "resolver/confinement.h"

#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace dnspin {
namespace {

// A question in flight is up to three sockets (upstreams.cc), and there may be 8,192 (forwarder.h).
constexpr rlim_t kDescriptorsMax = 32768;

absl::Status DropCapabilities() {
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) {
    return absl::ErrnoToStatus(errno, "clear ambient capabilities");
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const std::array<__user_cap_data_struct, 2> none{};
  if (syscall(SYS_capset, &header, none.data()) < 0) {
    return absl::ErrnoToStatus(errno, "drop capabilities");
  }
  return absl::OkStatus();
}

absl::Status SetLimits() {
  const rlimit none{0, 0};
  for (const auto resource : {RLIMIT_CORE, RLIMIT_FSIZE, RLIMIT_NPROC}) {
    if (setrlimit(resource, &none) < 0) {
      return absl::ErrnoToStatus(errno, "set limits");
    }
  }
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = std::min(descriptors.rlim_max, kDescriptorsMax);
  descriptors.rlim_max = descriptors.rlim_cur;
  if (setrlimit(RLIMIT_NOFILE, &descriptors) < 0) {
    return absl::ErrnoToStatus(errno, "set limits");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Confine(int empty_directory) {
  if (getuid() == 0 || geteuid() == 0) {
    return absl::FailedPreconditionError("it must not be root");
  }
  if (fchdir(empty_directory) < 0 || chroot(".") < 0) {
    return absl::ErrnoToStatus(errno, "chroot");
  }
  close(empty_directory);
  // Where stderr is a file, a last word that may not be written must not be what kills us.
  signal(SIGXFSZ, SIG_IGN);
  if (auto status = DropCapabilities(); !status.ok()) {
    return status;
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0) {
    return absl::ErrnoToStatus(errno, "no new privileges");
  }
  return SetLimits();
}

}  // namespace dnspin
