#include "nft/system_calls.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace dnspin {
namespace {

#ifndef SOL_NETLINK
constexpr int SOL_NETLINK = 270;
#endif

constexpr unsigned kWrites = O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
constexpr unsigned kNewNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

void Add(std::vector<AllowedCall>& calls, const std::vector<AllowedCall>& more) {
  calls.insert(calls.end(), more.begin(), more.end());
}

AllowedCall Control(int command) { return {"fcntl", {IntIs(1, command)}}; }
AllowedCall Option(int level) { return {"setsockopt", {IntIs(1, level)}}; }

// Of both: messages with each other.
std::vector<AllowedCall> Messages() {
  return {
      {"recvmsg"},
      {"sendmsg"},
      {"poll"},
      {"ppoll"},
      {"read"},
      {"socketpair", {IntIs(0, AF_UNIX), IntIs(1, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC)}},
      {"getsockname"},
      {"bind"},
      {"shutdown"},
  };
}

// What the program loader and the readers' own first steps need beside.
std::vector<AllowedCall> FirstSteps(User reader) {
  const auto id = [](int value) {
    return std::vector{IntIs(0, value), IntIs(1, value), IntIs(2, value)};
  };
  return {
      {"clone", {{0, 0, kNewNamespaces}}},
      {"set_robust_list"},
      {"rseq"},
      {"set_tid_address"},
      {"arch_prctl"},
      {"getppid"},
      {"dup2"},
      {"dup3"},
      {"close_range"},
      Control(F_DUPFD_CLOEXEC),
      {"setresuid", id(static_cast<int>(reader.uid))},
      {"setresgid", id(static_cast<int>(reader.gid))},
      {"capset"},
      {"prlimit64"},
      {"setpriority", {IntIs(0, PRIO_PROCESS), IntIs(1, 0)}},
      {"prctl", {IntIs(0, PR_CAP_AMBIENT)}},
      {"prctl", {IntIs(0, PR_SET_PDEATHSIG)}},
      {"prctl", {IntIs(0, PR_SET_NO_NEW_PRIVS)}},
      {"prctl", {IntIs(0, PR_GET_NO_NEW_PRIVS)}},
      {"prctl", {IntIs(0, PR_SET_DUMPABLE)}},
      {"prctl", {IntIs(0, PR_SET_SECCOMP)}},
      {"seccomp"},
      {"landlock_create_ruleset"},
      {"landlock_restrict_self"},
      {"execveat", {IntIs(4, AT_EMPTY_PATH)}},
      {"openat", {{2, 0, O_CREAT | O_TRUNC}}},  // /dev/null, and how soon to be killed
      {"write"},
      {"mmap"},  // of libraries
      {"access"},
      {"faccessat"},
      {"faccessat2"},
      {"newfstatat"},
      {"readlink"},
      {"readlinkat"},
      {"getuid"},
      {"geteuid"},
      {"fchdir"},
      {"chroot"},
      {"rt_sigaction"},
  };
}

}  // namespace

std::vector<AllowedCall> CallsOfDnspind() {
  std::vector<AllowedCall> calls = CallsOfTheLibraries();
  Add(calls, Messages());
  Add(calls, {
                 // The kernel's firewall; QubesDB, the journal, the service manager. Nothing else:
                 // with CAP_NET_ADMIN another kind of netlink would be the whole network.
                 {"socket", {IntIs(0, AF_NETLINK), IntIs(2, NETLINK_NETFILTER)}},
                 {"socket", {IntIs(0, AF_UNIX)}},
                 {"connect"},
                 {"accept4"},
                 {"sendto"},
                 {"recvfrom"},
                 {"sendmmsg"},
                 {"recvmmsg"},
                 {"getsockopt"},
                 Option(SOL_SOCKET),
                 Option(SOL_NETLINK),
                 {"select"},
                 {"pselect6"},
                 {"epoll_create1"},
                 {"epoll_ctl"},
                 {"epoll_wait"},
                 {"epoll_pwait"},
                 {"clock_nanosleep"},
                 // Its files, to read.
                 {"openat", {{2, O_RDONLY, kWrites}}},
                 {"newfstatat"},
                 {"access"},
                 {"faccessat"},
                 {"faccessat2"},
                 {"readlink"},
                 {"readlinkat"},
                 {"getdents64"},
                 {"lseek"},
                 {"pread64"},
                 {"inotify_init1"},
                 {"inotify_add_watch"},
                 {"inotify_rm_watch"},
                 Control(F_GETFL),
                 Control(F_SETFL),
                 Control(F_GETFD),
                 Control(F_SETFD),
                 // Policies for the readers, and what it says.
                 {"memfd_create"},
                 Control(F_ADD_SEALS),
                 {"write"},
                 {"writev"},
                 {"getuid"},
                 {"geteuid"},
                 {"getgid"},
                 {"getegid"},
             });
  return calls;
}

std::vector<AllowedCall> CallsOfLauncher(User reader) {
  std::vector<AllowedCall> calls = CallsOfTheLibraries();
  Add(calls, Messages());
  Add(calls, FirstSteps(reader));
  for (const int family : {AF_INET, AF_INET6}) {
    for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
      calls.push_back(InetSocket(family, type));
    }
  }
  Add(calls, {
                 {"listen"},
                 {"wait4"},
                 {"kill", {IntIs(1, SIGKILL)}},
                 {"tgkill", {IntIs(2, SIGABRT)}},  // a reader's abort()
                 {"signalfd4"},
                 // A reader's filter, on top of this one, says which of them it may use how.
                 {"connect"},
                 {"sendto"},
                 {"recvfrom"},
                 {"accept4"},
                 {"recvmmsg"},
                 {"sendmmsg"},
                 {"setsockopt"},
                 {"getsockopt"},
                 {"epoll_create1"},
                 {"epoll_ctl"},
                 {"epoll_wait"},
                 {"epoll_pwait"},
                 {"setitimer", {IntIs(0, ITIMER_VIRTUAL)}},
                 Control(F_GET_SEALS),
                 {"pread64"},
             });
  return calls;
}

}  // namespace dnspin
