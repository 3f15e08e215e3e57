#include "tests/faults/fault_page.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace dnspin::faults {
namespace {

constexpr int kFramesMax = 10;

Page* page = nullptr;
Role role = Role::kDnspind;
uint32_t pid = 0;
bool listing = false;  // backtrace() may allocate
int (*clock_of_libc)(clockid_t, timespec*) = nullptr;

int64_t MonotonicUs() {
  timespec now{};
  clock_of_libc(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000 + now.tv_nsec / 1000;
}

uint32_t Place() {
  std::array<void*, kFramesMax> frames{};
  const int count = backtrace(frames.data(), kFramesMax);
  uint64_t hash = 14695981039346656037U;
  for (int i = 0; i < count; ++i) {
    hash = (hash ^ reinterpret_cast<uintptr_t>(frames[static_cast<size_t>(i)])) * 1099511628211U;
  }
  return static_cast<uint32_t>(hash ^ hash >> 32);
}

void List(Kind kind, const char* call, uint32_t actions, uint32_t number) {
  if (listing) {
    return;
  }
  listing = true;
  const uint32_t index = page->listed.fetch_add(1);
  if (index < kEventsMax) {
    Event& event = page->events[index];
    event = {static_cast<uint8_t>(role),
             static_cast<uint8_t>(kind),
             static_cast<uint8_t>(actions),
             0,
             pid,
             number,
             Place(),
             {}};
    std::strncpy(event.call, call, sizeof(event.call) - 1);
  }
  listing = false;
}

// Before main, while it may still open a file. Without the file the program is as it always is.
__attribute__((constructor)) void MapPage() {
  clock_of_libc = reinterpret_cast<int (*)(clockid_t, timespec*)>(RealFunction("clock_gettime"));
  std::array<char, PATH_MAX> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 16);
  char* const name = length > 0 ? std::strrchr(path.data(), '/') : nullptr;
  if (name == nullptr) {
    return;
  }
  role = std::strcmp(name, "/dnspin-resolver") == 0 ? Role::kReader : Role::kDnspind;
  std::memcpy(name, "/faults", sizeof("/faults"));
  std::array<void*, 4> frames{};
  backtrace(frames.data(), 4);  // what it loads, it loads now
  const int fd = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path.data(), O_RDWR | O_CLOEXEC));
  if (fd < 0) {
    return;
  }
  void* const memory = mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  syscall(SYS_close, fd);
  pid = static_cast<uint32_t>(getpid());
  page = memory != MAP_FAILED ? static_cast<Page*>(memory) : nullptr;
}

}  // namespace

void* RealFunction(const char* name) {
  void* const function = dlsym(RTLD_NEXT, name);
  if (function == nullptr) {
    abort();
  }
  return function;
}

Action Meet(Kind kind, const char* call, uint32_t actions) {
  if (page == nullptr || page->mode == static_cast<uint32_t>(Mode::kOff)) {
    return kNothing;
  }
  const auto r = static_cast<uint32_t>(role);
  const auto k = static_cast<uint32_t>(kind);
  const uint32_t number = ++page->counts[r][k];
  if (page->mode == static_cast<uint32_t>(Mode::kList)) {
    List(kind, call, actions, number);
  }
  if (page->role != r || page->kind != k || page->number != number ||
      (page->action & actions) == 0 || page->fired.exchange(1) != 0) {
    return kNothing;
  }
  page->fired_pid = pid;
  std::strncpy(page->fired_call, call, sizeof(page->fired_call) - 1);
  if (page->action == kSleep) {
    page->slept_ns += static_cast<int64_t>(page->sleep_ns);
  }
  return static_cast<Action>(page->action);
}

Role OwnRole() { return role; }

void BecomeChild() {
  role = role == Role::kDnspind ? Role::kLauncher : Role::kNewborn;
  pid = static_cast<uint32_t>(getpid());
}

// Without a system call: a reader may make hardly any.
void BeLate() {
  const int64_t end = MonotonicUs() + static_cast<int64_t>(page->late_us);
  while (MonotonicUs() < end) {
  }
}

int64_t SleptNs() { return page != nullptr ? page->slept_ns.load() : 0; }
int64_t WallAheadSeconds() { return page != nullptr ? page->wall_s.load() : 0; }

}  // namespace dnspin::faults
