#include "nft/launcher.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <map>
#include <utility>
#include <vector>

#include "io/packet_pair.h"
#include "nft/door.h"
#include "nft/launcher_message.h"
#include "pinning/service_message.h"

namespace dnspin {
namespace {

constexpr size_t kDoorsMax = 1024;
constexpr size_t kReadersMax = 1024;
constexpr int kServiceDescriptor = 3;  // what a reader finds where
constexpr int kRootDescriptor = 4;
constexpr int kFirstOther = 5;

class Launcher {
 public:
  Launcher(const LauncherTerms& terms, Descriptor requests)
      : terms_(terms), requests_(std::move(requests)) {}

  [[noreturn]] void Run();

 private:
  struct Reader {
    pid_t pid;
    Descriptor service;
  };

  bool TakeRequest();
  void Reap();
  int Do(const LauncherRequest& request, const std::vector<Descriptor>& descriptors);
  int OpenDoorOf(const LauncherRequest& request);
  int StartReader(uint32_t reader);
  int Serve(const LauncherRequest& request, const std::vector<Descriptor>& descriptors);
  [[noreturn]] void BecomeReader(const Descriptor& service);
  void Report(const LauncherReport& report);

  const LauncherTerms terms_;
  Descriptor requests_;
  std::map<uint32_t, Door> doors_;      // by client
  std::map<uint32_t, Reader> readers_;  // by our number
};

void Launcher::Report(const LauncherReport& report) {
  // dnspind reads between its own requests; if it does not for that long, it is not there any more.
  pollfd wait{requests_.get(), POLLOUT, 0};
  poll(&wait, 1, 5000);
  if (!SendPacket(requests_.get(), BytesOf(report)).ok()) {
    _exit(1);
  }
}

// A negative errno, or the value of the report.
int Launcher::Do(const LauncherRequest& request, const std::vector<Descriptor>& descriptors) {
  switch (request.op) {
    case LauncherOp::kOpenDoor:
      return OpenDoorOf(request);
    case LauncherOp::kCloseDoor:
      return doors_.erase(request.client) != 0 ? 0 : -ENOENT;
    case LauncherOp::kStartReader:
      return StartReader(request.reader);
    case LauncherOp::kServe:
      return Serve(request, descriptors);
    case LauncherOp::kKillReader: {
      const auto reader = readers_.find(request.reader);
      return reader != readers_.end() && kill(reader->second.pid, SIGKILL) == 0 ? 0 : -ESRCH;
    }
  }
  return -EINVAL;
}

int Launcher::OpenDoorOf(const LauncherRequest& request) {
  if (doors_.contains(request.client) || request.port > 65535) {
    return -EINVAL;
  }
  if (doors_.size() >= kDoorsMax) {
    return -EMFILE;
  }
  auto door = OpenDoor(static_cast<uint16_t>(request.port));
  if (!door.ok()) {
    return -EADDRINUSE;
  }
  const int port = door->port;
  doors_[request.client] = *std::move(door);
  return port;
}

int Launcher::Serve(const LauncherRequest& request, const std::vector<Descriptor>& descriptors) {
  const auto reader = readers_.find(request.reader);
  const auto door = doors_.find(request.client);
  if (reader == readers_.end() || door == doors_.end() || descriptors.size() != 1) {
    return -EINVAL;
  }
  ServeClient message{request.client, 0};
  std::vector<int> handed;
  for (size_t i = 0; i < door->second.sockets.size(); ++i) {
    if (door->second.sockets[i].valid()) {
      message.sockets |= static_cast<uint8_t>(1U << i);
      handed.push_back(door->second.sockets[i].get());
    }
  }
  handed.push_back(descriptors.front().get());
  return SendPacket(reader->second.service.get(), Encode(message), handed).ok() ? 0 : -EPIPE;
}

int Launcher::StartReader(uint32_t reader) {
  if (readers_.contains(reader) || readers_.size() >= kReadersMax) {
    return -EINVAL;
  }
  auto pair = PacketPair();
  if (!pair.ok()) {
    return -EMFILE;
  }
  const pid_t pid = fork();
  if (pid < 0) {
    return -errno;
  }
  if (pid == 0) {
    BecomeReader(pair->second);
  }
  readers_[reader] = {pid, std::move(pair->first)};
  return pid;
}

void Launcher::BecomeReader(const Descriptor& service) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // Out of the way first: any of these may stand where another belongs.
  const int program = fcntl(terms_.reader_program, F_DUPFD_CLOEXEC, 64);
  const int root = fcntl(terms_.empty_root, F_DUPFD_CLOEXEC, 64);
  const int socket = fcntl(service.get(), F_DUPFD_CLOEXEC, 64);
  if (program < 0 || root < 0 || socket < 0 || dup2(socket, kServiceDescriptor) < 0 ||
      dup2(root, kRootDescriptor) < 0) {
    _exit(126);
  }
  constexpr unsigned kCloexecRange = 1U << 2;  // CLOSE_RANGE_CLOEXEC
  syscall(SYS_close_range, kFirstOther, ~0U, kCloexecRange);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  const auto status = BecomeUserForExec(terms_.reader, Capabilities({CAP_SYS_CHROOT}));
  if (!status.ok()) {
    std::fprintf(stderr, "<2>cannot become the reader's user: %s\n", status.ToString().c_str());
    _exit(126);
  }
  // A broken reader could write log lines of its own to what it shares with dnspind.
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    dup2(nowhere, standard);
  }
  std::array<char, 16> name = {"dnspin-resolver"};
  std::array<char*, 2> arguments = {name.data(), nullptr};
  std::array<char*, 1> environment = {nullptr};
  syscall(SYS_execveat, program, "", arguments.data(), environment.data(), AT_EMPTY_PATH);
  _exit(127);
}

void Launcher::Reap() {
  int status = 0;
  for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
    for (auto it = readers_.begin(); it != readers_.end(); ++it) {
      if (it->second.pid == pid) {
        const uint32_t reader = it->first;
        readers_.erase(it);
        Report({LauncherEvent::kExited, reader, pid, status});
        break;
      }
    }
  }
}

bool Launcher::TakeRequest() {
  auto packet = ReceivePacket(requests_.get(), sizeof(LauncherRequest), 1);
  if (!packet.ok()) {
    return false;  // dnspind has gone
  }
  if (!packet->has_value()) {
    return true;
  }
  const auto request = ValueOf<LauncherRequest>((*packet)->bytes);
  const int value =
      !request || (*packet)->truncated ? -EINVAL : Do(*request, (*packet)->descriptors);
  const uint32_t reader = request ? request->reader : 0;
  Report(value < 0 ? LauncherReport{LauncherEvent::kFailed, reader, -value, 0}
                   : LauncherReport{LauncherEvent::kDone, reader, value, 0});
  return true;
}

void Launcher::Run() {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigset_t blocked = child;
  // A service manager signals the whole group; the launcher ends when dnspind does, not before.
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    sigaddset(&blocked, number);
  }
  sigprocmask(SIG_SETMASK, &blocked, nullptr);
  const Descriptor children(signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC));
  std::array<pollfd, 2> waits = {{{requests_.get(), POLLIN, 0}, {children.get(), POLLIN, 0}}};
  for (;;) {
    if (poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) {
      break;
    }
    signalfd_siginfo ignored{};
    while (read(children.get(), &ignored, sizeof(ignored)) > 0) {
    }
    Reap();
    if (waits[0].revents != 0 && !TakeRequest()) {
      break;
    }
  }
  for (const auto& [number, reader] : readers_) {
    kill(reader.pid, SIGKILL);
  }
  _exit(0);
}

}  // namespace

absl::StatusOr<Descriptor> ForkLauncher(const LauncherTerms& terms) {
  auto pair = PacketPair();
  if (!pair.ok()) {
    return pair.status();
  }
  const pid_t pid = fork();
  if (pid < 0) {
    return absl::ErrnoToStatus(errno, "fork");
  }
  if (pid > 0) {
    return std::move(pair->first);
  }
  pair->first.reset();
  // A terminal's Ctrl-C is dnspind's to answer; the launcher ends when dnspind does.
  setsid();
  prctl(PR_SET_NAME, "dnspin-launcher");
  const auto status =
      BecomeUser(terms.own, Capabilities({CAP_SETUID, CAP_SETGID, CAP_SYS_CHROOT, CAP_KILL}),
                 Capabilities({CAP_SYS_CHROOT}));
  if (!status.ok()) {
    std::fprintf(stderr, "<2>launcher: %s\n", status.ToString().c_str());
    _exit(1);
  }
  Launcher(terms, std::move(pair->second)).Run();
}

}  // namespace dnspin
