#include "nft/launcher.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "io/packet_pair.h"
#include "nft/confinement.h"
#include "nft/door.h"
#include "nft/launcher_message.h"
#include "nft/launcher_state.h"

namespace dnspin {
namespace {

constexpr int kServiceDescriptor = 3;  // what a reader finds where
constexpr int kRootDescriptor = 4;
constexpr int kFirstOther = 5;
constexpr int kReapMs = 100;  // after a look at who has ended that failed
constexpr int kNiceness = 5;  // readers that spin leave dnspind its time

class Launcher : public LauncherHands {
 public:
  Launcher(const LauncherTerms& terms, Descriptor requests)
      : terms_(terms), requests_(std::move(requests)) {}

  [[noreturn]] void Run();

  absl::StatusOr<Door> Open(uint16_t port_wished) override { return OpenDoor(port_wished); }
  absl::StatusOr<StartedReader> Start() override;
  absl::Status Hand(int service, std::string_view message, std::span<const int> fds) override {
    return SendPacket(service, message, fds);
  }
  absl::Status Kill(pid_t pid) override {
    return kill(pid, SIGKILL) == 0 ? absl::OkStatus() : absl::ErrnoToStatus(errno, "kill");
  }

 private:
  bool TakeRequest();
  bool Reap();
  [[noreturn]] void BecomeReader(const Descriptor& service, pid_t launcher);
  void Report(const LauncherReport& report);

  const LauncherTerms terms_;
  Descriptor requests_;
  LauncherState state_{*this};
};

void Launcher::Report(const LauncherReport& report) {
  // dnspind reads between its own requests; if it does not for that long, it is not there any more.
  pollfd wait{requests_.get(), POLLOUT, 0};
  poll(&wait, 1, 5000);
  if (!SendPacket(requests_.get(), BytesOf(report)).ok()) {
    _exit(1);
  }
}

absl::StatusOr<StartedReader> Launcher::Start() {
  auto pair = PacketPair();
  if (!pair.ok()) {
    return pair.status();
  }
  const pid_t launcher = getpid();
  const pid_t pid = fork();
  if (pid < 0) {
    return absl::ErrnoToStatus(errno, "fork");
  }
  if (pid == 0) {
    BecomeReader(pair->second, launcher);
  }
  // It never says anything here, but could send descriptors, which would be ours to close.
  shutdown(pair->first.get(), SHUT_RD);
  return StartedReader{pid, std::move(pair->first)};
}

void Launcher::BecomeReader(const Descriptor& service, pid_t launcher) {
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
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_max = std::min<rlim_t>(descriptors.rlim_max, terms_.reader_descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  if (setrlimit(RLIMIT_CORE, &no_core) < 0 || setrlimit(RLIMIT_NOFILE, &descriptors) < 0) {
    _exit(126);
  }
  setpriority(PRIO_PROCESS, 0, kNiceness);  // where a sandbox around us forbids it, so be it
  const auto status = BecomeUserForExec(terms_.reader, Capabilities({CAP_SYS_CHROOT}));
  if (!status.ok()) {
    std::fprintf(stderr, "<2>cannot become the reader's user: %s\n", status.ToString().c_str());
    _exit(126);
  }
  // A reader does not outlive its launcher, whatever has become of it. After the change of user,
  // which forgets this.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != launcher) {
    _exit(126);
  }
  // A broken reader could write log lines of its own to what it shares with dnspind.
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (dup2(nowhere, standard) < 0) {
      _exit(126);
    }
  }
  std::array<char, 16> name = {"dnspin-resolver"};
  std::array<char*, 2> arguments = {name.data(), nullptr};
  std::array<char*, 1> environment = {nullptr};
  syscall(SYS_execveat, program, "", arguments.data(), environment.data(), AT_EMPTY_PATH);
  _exit(127);
}

// False if it could not be seen who has ended.
bool Launcher::Reap() {
  for (;;) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid <= 0) {
      return pid == 0 || state_.Readers().empty();
    }
    if (const auto report = state_.Exited(pid, status)) {
      Report(*report);
    }
  }
}

bool Launcher::TakeRequest() {
  const auto packet = ReceivePacket(requests_.get(), sizeof(LauncherRequest), 2);
  if (!packet.ok()) {
    return false;  // dnspind has gone
  }
  if (packet->has_value()) {
    Report(state_.Take(**packet));
  }
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
  if (!children.valid()) {
    _exit(1);  // nobody would hear of readers that end
  }
  std::array<pollfd, 2> waits = {{{requests_.get(), POLLIN, 0}, {children.get(), POLLIN, 0}}};
  for (bool all_reaped = true;;) {
    if (poll(waits.data(), waits.size(), all_reaped ? -1 : kReapMs) < 0 && errno != EINTR) {
      break;
    }
    signalfd_siginfo ignored{};
    while (read(children.get(), &ignored, sizeof(ignored)) > 0) {
    }
    all_reaped = Reap();
    if (waits[0].revents != 0 && !TakeRequest()) {
      break;
    }
  }
  for (const pid_t pid : state_.Readers()) {
    kill(pid, SIGKILL);
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
  auto status = BecomeUser(terms.own, terms.reader, Capabilities({CAP_SYS_CHROOT}),
                           Capabilities({CAP_SYS_CHROOT}));
  if (status.ok()) {
    status = ConfineLauncher(terms.reader);
  }
  if (!status.ok()) {
    std::fprintf(stderr, "<2>launcher: %s\n", status.ToString().c_str());
    _exit(1);
  }
  Launcher(terms, std::move(pair->second)).Run();
}

}  // namespace dnspin
