#include "tests/hostile/attempts.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/kcmp.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "resolver/confinement.h"
#include "tests/hostile/waiting.h"

namespace dnspin {
namespace {

constexpr size_t kPage = 4096;

int Told(ssize_t result) { return result < 0 ? errno : 0; }

int Opened(const char* path, int flags) {
  return Told(open(path, flags | O_CLOEXEC, 0600));  // NOLINT: leaks, as the process ends
}

int MemoryOf(pid_t pid) {
  return Opened(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDWR);
}

int Fork(const Surroundings&) {
  const pid_t child = fork();
  if (child == 0) {
    _exit(0);
  }
  return Told(child);
}

int Clone3(const Surroundings&) {
  std::array<uint64_t, 11> arguments{};
  arguments[4] = SIGCHLD;
  const long child = syscall(SYS_clone3, arguments.data(), sizeof(arguments));
  if (child == 0) {
    _exit(0);
  }
  return Told(child);
}

const std::array<const char*, 1> kNothing = {nullptr};

int Execute(int program, const char* path, int flags) {
  syscall(SYS_execveat, program, path, kNothing.data(), kNothing.data(), flags);
  return errno;
}

int Exec(int program, const char* path, int flags) {
  const pid_t child = fork();
  if (child == 0) {
    _exit(Execute(program, path, flags));
  }
  int status = 0;
  return child < 0 ? errno : waitpid(child, &status, 0) < 0 ? errno : WEXITSTATUS(status);
}

int RunProgram(const Surroundings& around) {
  return around.confined ? Execute(-1, "/bin/true", 0) : Exec(-1, "/bin/true", 0);
}

int RunFromMemory(const Surroundings& around) {
  const int memory = memfd_create("program", 0);
  const int program = open("/bin/true", O_RDONLY | O_CLOEXEC);
  std::array<char, kPage> page{};
  for (ssize_t octets; (octets = read(program, page.data(), page.size())) > 0;) {
    if (write(memory, page.data(), static_cast<size_t>(octets)) != octets) {
      return errno;
    }
  }
  return around.confined ? Execute(memory, "", AT_EMPTY_PATH) : Exec(memory, "", AT_EMPTY_PATH);
}

int ReadMemoryOf(const Surroundings& around) {
  static char here = 0;
  iovec local{&here, 1};
  iovec remote{&here, 1};
  return Told(process_vm_readv(around.launcher, &local, 1, &remote, 1, 0));
}

int Capabilities(const Surroundings&) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> parts{};
  parts[0].effective = parts[0].permitted = 1U << CAP_NET_RAW;
  return Told(syscall(SYS_capset, &header, parts.data()));
}

int EscapeRoot(const Surroundings&) {
  static_cast<void>(!mkdir("escape", 0700));
  return Told(chroot("."));
}

int RaiseLimits(const Surroundings&) {
  const rlimit limit{8, 8};
  return Told(setrlimit(RLIMIT_NPROC, &limit));
}

int Bpf(const Surroundings&) {
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = attributes.value_size = 4;
  attributes.max_entries = 1;
  return Told(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes)));
}

int IoUring(const Surroundings&) {
  io_uring_params parameters{};
  return Told(syscall(SYS_io_uring_setup, 1, &parameters));
}

int Measure(const Surroundings&) {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof(attributes);
  attributes.config = PERF_COUNT_SW_TASK_CLOCK;
  return Told(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
}

int Map(size_t octets, int protection, int flags) {
  void* const memory = mmap(nullptr, octets, protection, flags | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? errno : 0;
}

int MakeExecutable(const Surroundings&) {
  void* const page =
      mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return Told(mprotect(page, kPage, PROT_READ | PROT_EXEC));
}

// Addresses alone: what counts against the limit is what may be written to.
int MemoryBomb(const Surroundings&) {
  constexpr size_t kPiece = 64 << 20;
  for (uint64_t octets = 0; octets <= kMemoryMax; octets += kPiece) {
    if (const int error = Map(kPiece, PROT_READ | PROT_WRITE, MAP_PRIVATE); error != 0) {
      return error;
    }
  }
  return 0;
}

int Allocate(const Surroundings&) {
  std::string octets;
  octets.reserve(kMemoryMax + kPage);  // throws, and nobody catches
  return 0;
}

int DescriptorBomb(const Surroundings&) {
  for (int i = 0; i < 40'000; ++i) {
    if (socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) < 0) {
      return errno;
    }
  }
  return 0;
}

#ifdef __x86_64__
int OtherArchitecture(const Surroundings&) {
  long result = 20;  // getpid of i386
  asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
  return result < 0 ? static_cast<int>(-result) : 0;
}
#endif

int DumpCore(const Surroundings& around) {
  if (around.confined) {
    abort();
  }
  const pid_t child = fork();
  if (child == 0) {
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &unlimited);
    abort();
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WCOREDUMP(status) ? 0 : EPERM;
}

// A word of /proc/PID/status.
pid_t ParentOf(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; file >> word;) {
    if (word == "PPid:") {
      file >> word;
      return std::stoi(word);
    }
  }
  return -1;
}

const auto kAtProcesses = std::to_array<Attempt>({
    {"open a file", [](const Surroundings&) { return Opened("/etc/passwd", O_RDONLY); }},
    {"make a file", [](const Surroundings&) { return Opened("made", O_RDWR | O_CREAT); }},
    {"open a folder", [](const Surroundings&) { return Opened("/", O_RDONLY | O_DIRECTORY); }},
    {"the launcher's memory", [](const Surroundings& s) { return MemoryOf(s.launcher); }},
    {"dnspind's memory", [](const Surroundings& s) { return MemoryOf(s.dnspind); }},
    {"its own memory", [](const Surroundings&) { return MemoryOf(getpid()); }},
    {"fork", Fork},
    {"clone3", Clone3},
    {"run a program", RunProgram},
    {"run a program from memory", RunFromMemory},
    {"trace the launcher",
     [](const Surroundings& s) { return Told(ptrace(PTRACE_SEIZE, s.launcher, 0, 0)); }},
    {"read the launcher's memory", ReadMemoryOf},
    {"signal dnspind", [](const Surroundings& s) { return Told(kill(s.dnspind, 0)); }},
    {"signal the launcher", [](const Surroundings& s) { return Told(kill(s.launcher, 0)); }},
    {"signal another reader", [](const Surroundings& s) { return Told(kill(s.sibling, 0)); }},
    {"signal by its thread",
     [](const Surroundings& s) { return Told(syscall(SYS_tgkill, s.sibling, s.sibling, 0)); }},
    {"a descriptor of a process",
     [](const Surroundings& s) { return Told(syscall(SYS_pidfd_open, s.sibling, 0)); }},
    {"a descriptor of the launcher's",
     [](const Surroundings& s) { return Told(syscall(SYS_pidfd_getfd, s.pidfd, 0, 0)); }},
    {"compare with the launcher",
     [](const Surroundings& s) {
       return Told(syscall(SYS_kcmp, getpid(), s.launcher, KCMP_VM, 0, 0));
     }},
    {"slow the launcher down",
     [](const Surroundings& s) {
       return Told(setpriority(PRIO_PROCESS, static_cast<id_t>(s.launcher), 19));
     }},
    {"limit the launcher",
     [](const Surroundings& s) {
       return Told(prlimit(s.launcher, RLIMIT_CORE, nullptr, nullptr));
     }},
    {"leave its root", EscapeRoot},
    {"be root", [](const Surroundings&) { return Told(setresuid(0, 0, 0)); }},
    {"take a capability", Capabilities},
    {"be dumped", [](const Surroundings&) { return Told(prctl(PR_SET_DUMPABLE, 1)); }},
    {"raise a limit", RaiseLimits},
    {"a user namespace", [](const Surroundings&) { return Told(unshare(CLONE_NEWUSER)); }},
    {"a network namespace", [](const Surroundings&) { return Told(unshare(CLONE_NEWNET)); }},
    {"another's namespace",
     [](const Surroundings& s) { return Told(setns(s.name_space, CLONE_NEWUTS)); }},
    {"mount", [](const Surroundings&) { return Told(mount("none", "/tmp", "tmpfs", 0, nullptr)); }},
    {"bpf", Bpf},
    {"another epoll", [](const Surroundings&) { return Told(epoll_create1(EPOLL_CLOEXEC)); }},
    {"userfaultfd", [](const Surroundings&) { return Told(syscall(SYS_userfaultfd, 1)); }},
    {"io_uring", IoUring},
    {"perf events", Measure},
    {"keys",
     [](const Surroundings&) {
       return Told(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1));
     }},
    {"memory with a name", [](const Surroundings&) { return Told(memfd_create("name", 0)); }},
    {"memory of System V",
     [](const Surroundings&) { return Told(shmget(IPC_PRIVATE, kPage, IPC_CREAT | 0600)); }},
    {"shared memory",
     [](const Surroundings&) { return Map(kPage, PROT_READ | PROT_WRITE, MAP_SHARED); }},
    {"memory to execute",
     [](const Surroundings&) { return Map(kPage, PROT_READ | PROT_EXEC, MAP_PRIVATE); }},
    {"make memory executable", MakeExecutable},
    {"make all memory executable",
     [](const Surroundings&) { return Told(personality(READ_IMPLIES_EXEC)); }},
    {"a memory bomb", MemoryBomb},
    {"more memory than it may have", Allocate},
    {"a descriptor bomb", DescriptorBomb},
    {"a core dump", DumpCore},
#ifdef __x86_64__
    {"calls of another architecture", OtherArchitecture},
#endif
});

}  // namespace

Surroundings LookAround() {
  Surroundings around;
  OwnEpoll();
  around.launcher = getppid();
  around.dnspind = ParentOf(around.launcher);
  const std::string launcher = std::to_string(around.launcher);
  std::ifstream children("/proc/" + launcher + "/task/" + launcher + "/children");
  around.sibling = around.launcher;
  for (pid_t child = 0; children >> child;) {
    around.sibling = child != getpid() ? child : around.sibling;
  }
  around.name_space = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
  return around;
}

Surroundings StandIns() {
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent) {
      pause();
    }
    _exit(0);
  }
  OwnEpoll();
  Surroundings around;
  around.confined = false;
  around.launcher = around.dnspind = around.sibling = child;
  around.pidfd = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  around.name_space = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
  return around;
}

std::vector<Attempt> Attempts() {
  std::vector<Attempt> attempts = AttemptsAtSockets();
  attempts.insert(attempts.end(), kAtProcesses.begin(), kAtProcesses.end());
  return attempts;
}

}  // namespace dnspin
