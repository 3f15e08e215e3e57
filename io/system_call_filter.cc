#include "io/system_call_filter.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

namespace dnspin {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

struct Release {
  void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, Release>;

absl::Status Error(int negative_errno, const std::string& what) {
  return absl::ErrnoToStatus(-negative_errno, "system call filter: " + what);
}

absl::Status Allow(const Filter& filter, const AllowedCall& call) {
  const int number = seccomp_syscall_resolve_name(call.name);
  if (number == __NR_SCMP_ERROR) {
    return absl::InternalError(fmt::format("libseccomp knows no system call '{}'", call.name));
  }
  std::vector<scmp_arg_cmp> when;
  for (const ArgumentIs& argument : call.when) {
    when.push_back({argument.index, SCMP_CMP_MASKED_EQ, argument.mask, argument.value});
  }
  // A call that this architecture does not have is passed over.
  const int result = seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, number,
                                            static_cast<unsigned>(when.size()), when.data());
  return result < 0 ? Error(result, call.name) : absl::OkStatus();
}

}  // namespace

AllowedCall InetSocket(int family, int type) {
  return {"socket", {IntIs(0, family), IntIs(1, type | SOCK_NONBLOCK | SOCK_CLOEXEC), IntIs(2, 0)}};
}

std::vector<AllowedCall> CallsOfTheLibraries() {
  const AllowedCall no_exec{"mprotect", {{2, 0, PROT_EXEC}}};
  // Private, or what getrandom() of glibc 2.41 takes (MAP_DROPPABLE).
  const ArgumentIs unshared{3, MAP_ANONYMOUS, MAP_SHARED | MAP_ANONYMOUS};
  std::vector<AllowedCall> calls = {
      {"brk"},
      {"mmap", {{2, 0, PROT_EXEC}, unshared}},
      no_exec,
      {"mremap"},
      {"munmap"},
      {"madvise"},
      {"futex"},
      {"getrandom"},
      {"clock_gettime"},
      {"clock_getres"},
      {"gettimeofday"},
      {"time"},
      {"sysinfo"},  // qsort()
      {"restart_syscall"},
      {"close"},
      // By file, never by name: the length of a memfd, what kind stdout is.
      {"fstat"},
      {"newfstatat", {IntIs(3, AT_EMPTY_PATH)}},
      {"write", {IntIs(0, STDERR_FILENO)}},
      {"writev", {IntIs(0, STDERR_FILENO)}},
      // abort(): a failed check shall look like one.
      {"rt_sigprocmask"},
      {"getpid"},
      {"gettid"},
      {"tgkill", {IntIs(0, getpid()), IntIs(2, SIGABRT)}},
      {"exit"},
      {"exit_group"},
  };
  if (kSanitized) {
    for (const char* name : {"sigaltstack", "sched_yield", "rt_sigaction", "rt_sigreturn",
                             "getrlimit", "prlimit64", "readlink", "readlinkat", "openat", "read",
                             "write", "mmap", "sched_getaffinity", "prctl"}) {
      calls.push_back({name});
    }
  }
  return calls;
}

absl::Status AllowOnly(std::span<const AllowedCall> calls) {
  {
    const Filter filter(seccomp_init(SCMP_ACT_KILL_PROCESS));
    if (filter == nullptr) {
      return absl::ResourceExhaustedError("system call filter: no memory");
    }
    seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    for (const AllowedCall& call : calls) {
      if (auto status = Allow(filter, call); !status.ok()) {
        return status;
      }
    }
    if (const int result = seccomp_load(filter.get()); result < 0) {
      return Error(result, "the kernel does not take it (it needs CONFIG_SECCOMP_FILTER)");
    }
  }
  malloc_trim(0);  // what building it took; each reader pays for its own
  return absl::OkStatus();
}

std::vector<std::string> UnknownNames(std::span<const AllowedCall> calls) {
  std::vector<std::string> unknown;
  for (const AllowedCall& call : calls) {
    if (seccomp_syscall_resolve_name(call.name) == __NR_SCMP_ERROR) {
      unknown.emplace_back(call.name);
    }
  }
  return unknown;
}

}  // namespace dnspin
