#include "nft/system_calls.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "io/system_call_filter.h"
#include "resolver/system_calls.h"

namespace dnspin {
namespace {

// Made in the child: its own process id is in them.
using Calls = std::function<std::vector<AllowedCall>()>;

constexpr int kOpen = SOCK_NONBLOCK | SOCK_CLOEXEC;

// How a child ends that may make these calls alone and then does this.
std::string Ends(const Calls& calls, const std::function<void()>& act) {
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!AllowOnly(calls()).ok()) {
      _exit(7);
    }
    act();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) {
    return WTERMSIG(status) == SIGSYS ? "filtered" : "signal " + std::to_string(WTERMSIG(status));
  }
  return "exit " + std::to_string(WEXITSTATUS(status));
}

struct Row {
  const char* what;
  std::function<void()> act;
  const char* end;
};

void Try(const Calls& calls, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    EXPECT_EQ(Ends(calls, row.act), row.end) << row.what;
  }
}

constexpr User kReader{65533, 65532};

TEST(SystemCalls, AllHaveNames) {
  for (const auto& calls : {CallsOfReader(), CallsOfDnspind(), CallsOfLauncher(kReader)}) {
    EXPECT_EQ(UnknownNames(calls), std::vector<std::string>());
  }
}

// The launcher's filter is inherited: what it lacks, its readers lack.
TEST(SystemCalls, OfAReaderAreTheLaunchersToo) {
  std::set<std::string> launchers;
  for (const AllowedCall& call : CallsOfLauncher(kReader)) {
    launchers.insert(call.name);
  }
  for (const AllowedCall& call : CallsOfReader()) {
    EXPECT_TRUE(launchers.contains(call.name)) << call.name;
  }
}

TEST(SystemCalls, AMisspeltOneIsFound) {
  const std::vector<AllowedCall> calls = {{"read"}, {"raed"}};
  EXPECT_EQ(UnknownNames(calls), std::vector<std::string>{"raed"});
  EXPECT_EQ(AllowOnly(calls).code(), absl::StatusCode::kInternal);
}

TEST(SystemCalls, AReaderMakesItsOwnAndNoOther) {
  Try(CallsOfReader,
      {
          {"nothing", [] {}, "exit 0"},
          {"UDP", [] { _exit(socket(AF_INET, SOCK_DGRAM | kOpen, 0) < 0); }, "exit 0"},
          {"TCP over IPv6", [] { socket(AF_INET6, SOCK_STREAM | kOpen, 0); }, "exit 0"},
          {"a socket that waits", [] { socket(AF_INET, SOCK_DGRAM, 0); }, "filtered"},
          {"MPTCP", [] { socket(AF_INET, SOCK_STREAM | kOpen, 262); }, "filtered"},
          {"UNIX", [] { socket(AF_UNIX, SOCK_DGRAM | kOpen, 0); }, "filtered"},
          {"netlink", [] { socket(AF_NETLINK, SOCK_RAW | kOpen, 0); }, "filtered"},
          {"an option of its own",
           [] {
             const int on = 1;
             setsockopt(socket(AF_INET, SOCK_STREAM | kOpen, 0), IPPROTO_TCP, TCP_NODELAY, &on,
                        sizeof(on));
           },
           "exit 0"},
          {"another option",
           [] {
             const int on = 1;
             setsockopt(0, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
           },
           "filtered"},
          {"an address to send to",
           [] {
             const sockaddr address{};
             sendto(0, "", 0, 0, &address, sizeof(address));
           },
           "filtered"},
          {"fork", [] { fork(); }, "filtered"},
          {"trace", [] { ptrace(PTRACE_TRACEME, 0, 0, 0); }, "filtered"},
          {"seals", [] { fcntl(0, F_GET_SEALS); }, "exit 0"},
          {"another owner of signals", [] { fcntl(0, F_SETOWN, 1); }, "filtered"},
          {"code", [] { mprotect(nullptr, 4096, PROT_READ | PROT_EXEC); }, "filtered"},
          {"its own end", [] { abort(); }, "signal 6"},
          {"another signal to itself", [] { raise(SIGUSR1); }, "filtered"},
          {"another's end", [] { kill(getppid(), 0); }, "filtered"},
      });
}

#ifndef __SANITIZE_ADDRESS__  // which maps as it likes
TEST(SystemCalls, MemoryIsPrivateOrMayBeDropped) {
  const auto map = [](int flags) {
    return [flags] { mmap(nullptr, 4096, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0); };
  };
  constexpr int kDroppable = 8;  // MAP_DROPPABLE, which is younger than Debian's headers
  Try(CallsOfReader, {{"private", map(MAP_PRIVATE), "exit 0"},
                      {"droppable", map(kDroppable), "exit 0"},
                      {"shared", map(MAP_SHARED), "filtered"},
                      {"shared, said otherwise", map(MAP_SHARED_VALIDATE), "filtered"}});
}
#endif

TEST(SystemCalls, DnspindStartsNothingAndWritesNoFile) {
  Try(CallsOfDnspind,
      {
          {"the firewall's netlink", [] { socket(AF_NETLINK, SOCK_RAW, 12); }, "exit 0"},
          {"routes", [] { socket(AF_NETLINK, SOCK_RAW, 0); }, "filtered"},
          {"QubesDB", [] { socket(AF_UNIX, SOCK_STREAM, 0); }, "exit 0"},
          {"UDP", [] { socket(AF_INET, SOCK_DGRAM | kOpen, 0); }, "filtered"},
          {"packets", [] { socket(AF_PACKET, SOCK_RAW, 0); }, "filtered"},
          {"read a file", [] { open("/dev/null", O_RDONLY | O_CLOEXEC); }, "exit 0"},
          {"fork", [] { fork(); }, "filtered"},
          {"execute", [] { execl("/bin/true", "true", nullptr); }, "filtered"},
          {"trace", [] { ptrace(PTRACE_TRACEME, 0, 0, 0); }, "filtered"},
          {"signal", [] { kill(getppid(), 0); }, "filtered"},
          {"code", [] { mprotect(nullptr, 4096, PROT_READ | PROT_EXEC); }, "filtered"},
          {"remove", [] { unlink("/nowhere/at-all"); }, "filtered"},
          {"be another", [] { setresuid(1, 1, 1); }, "filtered"},
#ifndef __SANITIZE_ADDRESS__  // which opens what it likes
          {"write a file", [] { open("/dev/null", O_WRONLY | O_CLOEXEC); }, "filtered"},
          {"make a file", [] { open("/nowhere/at-all", O_CREAT | O_CLOEXEC, 0600); }, "filtered"},
#endif
      });
}

TEST(SystemCalls, TheLauncherStartsReadersAndNobodyElse) {
  Try([] { return CallsOfLauncher(kReader); },
      {
          {"fork",
           [] {
             if (fork() == 0) _exit(0);
           },
           "exit 0"},
          {"a namespace of its own",
           [] { syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }, "filtered"},
          {"be a reader", [] { setresuid(65533, 65533, 65533); }, "exit 0"},
          {"be root", [] { setresuid(0, 0, 0); }, "filtered"},
          {"be root in part", [] { setresuid(65533, 0, 65533); }, "filtered"},
          {"be of root's group", [] { setresgid(0, 0, 0); }, "filtered"},
          {"kill", [] { kill(0x7FFFFFF0, SIGKILL); }, "exit 0"},
          {"another signal", [] { kill(getppid(), SIGSTOP); }, "filtered"},
          {"a door", [] { socket(AF_INET6, SOCK_DGRAM | kOpen, 0); }, "exit 0"},
          {"netlink", [] { socket(AF_NETLINK, SOCK_RAW, 12); }, "filtered"},
          {"a name to execute", [] { execl("/bin/true", "true", nullptr); }, "filtered"},
          {"trace", [] { ptrace(PTRACE_TRACEME, 0, 0, 0); }, "filtered"},
          {"mount", [] { mount("none", "/nowhere", "tmpfs", 0, nullptr); }, "filtered"},
#ifndef __SANITIZE_ADDRESS__
          {"make a file", [] { open("/nowhere/at-all", O_CREAT | O_CLOEXEC, 0600); }, "filtered"},
          {"keep capabilities", [] { prctl(PR_SET_KEEPCAPS, 1); }, "filtered"},
#endif
      });
}

}  // namespace
}  // namespace dnspin
