#include "resolver/confinement.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "io/descriptor.h"
#include "io/landlock.h"
#include "resolver/system_calls.h"

namespace dnspin {
namespace {

// A question in flight is up to three sockets (upstreams.cc), and there may be 8,192 (forwarder.h).
constexpr rlim_t kDescriptorsMax = 32768;

// The making of a filter takes milliseconds; but libseccomp 2.5 turns in a circle where memory runs
// out at the wrong moment, and a reader that does nothing else would be taken for one that waits.
constexpr time_t kCpuSecondsMax = 2;

// Of its own CPU time from now on, by SIGVTALRM. 0: never.
void EndAfter(time_t seconds) {
  const itimerval timer{{0, 0}, {seconds, 0}};
  setitimer(ITIMER_VIRTUAL, &timer, nullptr);
}

// Chosen first where memory runs out, before anything that guards or works.
void VolunteerForTheEnd() {
  const Descriptor file(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  static_cast<void>(!write(file.get(), "1000", 4));  // no /proc: then not
}

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

// As it is, or lower.
bool SetLimit(int resource, rlim_t most) {
  rlimit limit{};
  getrlimit(static_cast<__rlimit_resource>(resource), &limit);
  limit.rlim_cur = std::min(limit.rlim_max, most);
  limit.rlim_max = limit.rlim_cur;
  return setrlimit(static_cast<__rlimit_resource>(resource), &limit) == 0;
}

absl::Status SetLimits() {
  bool set = SetLimit(RLIMIT_NOFILE, kDescriptorsMax);
#ifndef __SANITIZE_ADDRESS__  // whose shadow is far larger
  set = set && SetLimit(RLIMIT_DATA, kMemoryMax);
#endif
  for (const int resource :
       {RLIMIT_CORE, RLIMIT_FSIZE, RLIMIT_NPROC, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_SIGPENDING,
        RLIMIT_LOCKS, RLIMIT_NICE, RLIMIT_RTPRIO}) {
    set = set && SetLimit(resource, 0);
  }
  return set ? absl::OkStatus() : absl::ErrnoToStatus(errno, "set limits");
}

}  // namespace

absl::Status GiveUpPowers(int empty_directory) {
  if (getuid() == 0 || geteuid() == 0) {
    return absl::FailedPreconditionError("it must not be root");
  }
  VolunteerForTheEnd();
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0) {
    return absl::ErrnoToStatus(errno, "no new privileges");
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
  EnterLandlock({});  // what it forbids is forbidden above or below as well, by other means
  return SetLimits();
}

absl::Status Confine(int empty_directory) {
  if (auto status = GiveUpPowers(empty_directory); !status.ok()) {
    return status;
  }
  EndAfter(kCpuSecondsMax);
  absl::Status status = AllowOnly(CallsOfReader());
  EndAfter(0);
  return status;
}

}  // namespace dnspin
