#pragma once
// Knows: the page of memory by which a test orders a fault (lab/faults.py writes it): the Nth event
// of a kind in a process fails, is late, is cut or comes twice. And what else an environment lacks,
// always. Touches: the file `faults` beside
// the program, which each process maps at its start: later it may not be allowed to.

#include <sys/socket.h>

#include <atomic>
#include <cstdint>

namespace dnspin::faults {

enum class Role : uint32_t { kDnspind, kLauncher, kNewborn, kReader, kCount };
enum class Kind : uint32_t { kSyscall, kNetlink, kChannel, kTimer, kMemory, kCount };

enum Action : uint32_t {
  kNothing = 0,
  kFail = 1U << 0,       // with the error that is most likely
  kFailOther = 1U << 1,  // with another one; of a netlink reply: "no" where the kernel said yes
  kLate = 1U << 2,
  kCut = 1U << 3,
  kDouble = 1U << 4,
  kSleep = 1U << 5,  // the machine sleeps: CLOCK_BOOTTIME goes on, nothing else has
};

enum class Mode : uint32_t { kOff, kCount, kList };

// One thing that happened, where all are listed.
struct Event {
  uint8_t role;
  uint8_t kind;
  uint8_t actions;  // what can be done to it
  uint8_t unused;
  uint32_t pid;
  uint32_t number;  // of its role and kind, from 1
  uint32_t place;   // a hash of the call stack
  char call[16];
};

constexpr uint32_t kEventsMax = 1 << 17;

struct Page {
  std::atomic<uint32_t> mode;
  uint32_t role;
  uint32_t kind;
  uint32_t action;
  uint64_t number;
  uint64_t late_us;
  std::atomic<int64_t> slept_ns;  // what CLOCK_BOOTTIME is ahead by
  uint64_t sleep_ns;
  std::atomic<int64_t> wall_s;  // what the wall clock is ahead by; it may be behind
  std::atomic<uint32_t> fired;
  std::atomic<uint32_t> fired_pid;
  char fired_call[16];
  std::atomic<uint32_t> counts[static_cast<uint32_t>(Role::kCount)]
                              [static_cast<uint32_t>(Kind::kCount)];
  std::atomic<uint32_t> listed;
  uint32_t unused;
  Event events[kEventsMax];
};

// Counts an event; what is to be done to it, one of `actions`, or kNothing.
Action Meet(Kind kind, const char* call, uint32_t actions);

Role OwnRole();
void BecomeChild();  // of fork: the launcher, or who is to be a reader
void BeLate();
int64_t SleptNs();
int64_t WallAheadSeconds();

// A kernel that lacks the nft expression that DNSPIN_FAULTS_LACKS names: whatever is in this
// message that names it names one that no kernel has. Done to the sender's own octets.
void HideLackingExpression(const msghdr& message);

// The C library's own function of this name.
void* RealFunction(const char* name);

}  // namespace dnspin::faults
