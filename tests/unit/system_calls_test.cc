#include "resolver/system_calls.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "io/system_call_filter.h"

namespace dnspin {
namespace {

constexpr int kOpen = SOCK_NONBLOCK | SOCK_CLOEXEC;

// How a child ends that may make a reader's calls alone and then does this.
std::string Ends(const std::function<void()>& act) {
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!AllowOnly(CallsOfReader()).ok()) {
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

TEST(SystemCalls, OfAReaderAllHaveNames) { EXPECT_EQ(UnknownNames(CallsOfReader()).size(), 0); }

TEST(SystemCalls, AMisspeltOneIsFound) {
  const std::vector<AllowedCall> calls = {{"read"}, {"raed"}};
  EXPECT_EQ(UnknownNames(calls), std::vector<std::string>{"raed"});
  EXPECT_EQ(AllowOnly(calls).code(), absl::StatusCode::kInternal);
}

TEST(SystemCalls, AReaderMakesItsOwnAndNoOther) {
  struct Row {
    const char* what;
    std::function<void()> act;
    const char* end;
  };
  const std::vector<Row> rows = {
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
  };
  for (const Row& row : rows) {
    EXPECT_EQ(Ends(row.act), row.end) << row.what;
  }
}

}  // namespace
}  // namespace dnspin
