// Calls that fail, or are late: there is nothing in them to be cut or to come twice.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/faults/fault_page.h"

namespace dnspin::faults {
namespace {

// The error that is ordered for this call, or 0.
int Ordered(const char* call, int error, int other) {
  switch (Meet(Kind::kSyscall, call, kFail | kFailOther | kLate)) {
    case kFail:
      return error;
    case kFailOther:
      return other;
    case kLate:
      BeLate();
      return 0;
    default:
      return 0;
  }
}

// What timers are made of. A wait that fails was interrupted, one that is cut ends early, one that
// is double ends once for nothing.
template <typename Wait>
int WaitFor(const char* call, int timeout, const Wait& wait) {
  const uint32_t early = timeout > 0 ? kCut : kNothing;
  switch (timeout == 0 ? kNothing
                       : Meet(Kind::kTimer, call, kFail | kLate | kDouble | kSleep | early)) {
    case kFail:
      errno = EINTR;
      return -1;
    case kLate: {
      const int ready = wait(timeout);
      const int error = errno;
      BeLate();
      errno = error;
      return ready;
    }
    case kCut:
      return wait(timeout / 2);
    case kDouble:
      return 0;
    default:
      return wait(timeout);
  }
}

}  // namespace
}  // namespace dnspin::faults

using namespace dnspin::faults;

// NOLINTBEGIN(bugprone-macro-parentheses,cert-err58-cpp)
#define FAULTY(result, name, parameters, arguments, failed, error, other)                 \
  extern "C" result name parameters {                                                     \
    static const auto real = reinterpret_cast<result(*) parameters>(RealFunction(#name)); \
    if (const int ordered = Ordered(#name, error, other)) {                               \
      errno = ordered;                                                                    \
      return failed;                                                                      \
    }                                                                                     \
    return real arguments;                                                                \
  }

// Sockets.
FAULTY(int, socket, (int a, int b, int c), (a, b, c), -1, EMFILE, EPERM)
FAULTY(int, socketpair, (int a, int b, int c, int d[2]), (a, b, c, d), -1, EMFILE, ENOMEM)
FAULTY(int, bind, (int a, const sockaddr* b, socklen_t c), (a, b, c), -1, EADDRINUSE, EACCES)
FAULTY(int, connect, (int a, const sockaddr* b, socklen_t c), (a, b, c), -1, ENETUNREACH, EPERM)
FAULTY(int, listen, (int a, int b), (a, b), -1, EADDRINUSE, ENOMEM)
FAULTY(int, accept4, (int a, sockaddr* b, socklen_t* c, int d), (a, b, c, d), -1, EMFILE,
       ECONNABORTED)
FAULTY(int, setsockopt, (int a, int b, int c, const void* d, socklen_t e), (a, b, c, d, e), -1,
       ENOMEM, EPERM)
FAULTY(int, getsockopt, (int a, int b, int c, void* d, socklen_t* e), (a, b, c, d, e), -1, ENOBUFS,
       EPERM)
FAULTY(int, getsockname, (int a, sockaddr* b, socklen_t* c), (a, b, c), -1, ENOBUFS, EPERM)
FAULTY(unsigned, if_nametoindex, (const char* a), (a), 0, ENODEV, EMFILE)

// Descriptors that say what has happened.
FAULTY(int, epoll_create1, (int a), (a), -1, EMFILE, ENOMEM)
FAULTY(int, epoll_ctl, (int a, int b, int c, epoll_event* d), (a, b, c, d), -1, ENOSPC, ENOMEM)
FAULTY(int, signalfd, (int a, const sigset_t* b, int c), (a, b, c), -1, EMFILE, ENOMEM)
FAULTY(int, inotify_init1, (int a), (a), -1, EMFILE, ENOMEM)
FAULTY(int, inotify_add_watch, (int a, const char* b, uint32_t c), (a, b, c), -1, ENOSPC, EACCES)
FAULTY(int, inotify_rm_watch, (int a, int b), (a, b), -1, EINVAL, EBADF)

// Files.
FAULTY(int, access, (const char* a, int b), (a, b), -1, EACCES, EIO)
FAULTY(int, chmod, (const char* a, mode_t b), (a, b), -1, EPERM, EROFS)
FAULTY(int, chown, (const char* a, uid_t b, gid_t c), (a, b, c), -1, EPERM, EROFS)
FAULTY(int, mkdir, (const char* a, mode_t b), (a, b), -1, ENOSPC, EROFS)
FAULTY(char*, mkdtemp, (char* a), (a), nullptr, ENOSPC, EROFS)
FAULTY(int, rmdir, (const char* a), (a), -1, EBUSY, EIO)
FAULTY(int, unlink, (const char* a), (a), -1, EPERM, EIO)
FAULTY(int, lstat, (const char* a, struct stat* b), (a, b), -1, EACCES, EIO)
FAULTY(int, fstat, (int a, struct stat* b), (a, b), -1, EIO, EOVERFLOW)
FAULTY(ssize_t, readlink, (const char* a, char* b, size_t c), (a, b, c), -1, EACCES, EIO)
FAULTY(FILE*, fdopen, (int a, const char* b), (a, b), nullptr, ENOMEM, EMFILE)
FAULTY(DIR*, opendir, (const char* a), (a), nullptr, EMFILE, EACCES)
FAULTY(dirent*, readdir, (DIR * a), (a), nullptr, EIO, EBADF)
FAULTY(int, memfd_create, (const char* a, unsigned b), (a, b), -1, EMFILE, ENOMEM)
FAULTY(int, dup2, (int a, int b), (a, b), -1, EMFILE, EBUSY)
FAULTY(int, fchdir, (int a), (a), -1, EACCES, EIO)
FAULTY(int, chroot, (const char* a), (a), -1, EPERM, EIO)

// Processes and powers.
FAULTY(passwd*, getpwnam, (const char* a), (a), nullptr, EMFILE, EIO)
FAULTY(int, setgroups, (size_t a, const gid_t* b), (a, b), -1, EPERM, ENOMEM)
FAULTY(int, setresgid, (gid_t a, gid_t b, gid_t c), (a, b, c), -1, EPERM, EAGAIN)
FAULTY(int, setresuid, (uid_t a, uid_t b, uid_t c), (a, b, c), -1, EPERM, EAGAIN)
FAULTY(pid_t, setsid, (), (), -1, EPERM, EPERM)
FAULTY(int, kill, (pid_t a, int b), (a, b), -1, EPERM, ESRCH)
FAULTY(pid_t, waitpid, (pid_t a, int* b, int c), (a, b, c), -1, ECHILD, EINTR)
FAULTY(int, sigprocmask, (int a, const sigset_t* b, sigset_t* c), (a, b, c), -1, EINVAL, EFAULT)
FAULTY(int, getrlimit, (__rlimit_resource_t a, rlimit* b), (a, b), -1, EPERM, EINVAL)
FAULTY(int, setrlimit, (__rlimit_resource_t a, const rlimit* b), (a, b), -1, EPERM, EINVAL)
FAULTY(ssize_t, getrandom, (void* a, size_t b, unsigned c), (a, b, c), -1, EINTR, EAGAIN)
// NOLINTEND(bugprone-macro-parentheses,cert-err58-cpp)

extern "C" int open(const char* path, int flags, ...) {
  static const auto real = reinterpret_cast<int (*)(const char*, int, ...)>(RealFunction("open"));
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (const int ordered = Ordered("open", EMFILE, EACCES)) {
    errno = ordered;
    return -1;
  }
  return real(path, flags, mode);
}

extern "C" int fcntl(int fd, int command, ...) {
  static const auto real = reinterpret_cast<int (*)(int, int, ...)>(RealFunction("fcntl"));
  va_list rest;
  va_start(rest, command);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  if (const int ordered = Ordered("fcntl", EMFILE, EPERM)) {
    errno = ordered;
    return -1;
  }
  return real(fd, command, argument);
}

extern "C" int prctl(int option, ...) {
  using Real = int (*)(int, unsigned long, unsigned long, unsigned long, unsigned long);
  static const auto real = reinterpret_cast<Real>(RealFunction("prctl"));
  va_list rest;
  va_start(rest, option);
  unsigned long words[4];
  for (unsigned long& word : words) {
    word = va_arg(rest, unsigned long);
  }
  va_end(rest);
  if (const int ordered = Ordered("prctl", EPERM, EINVAL)) {
    errno = ordered;
    return -1;
  }
  return real(option, words[0], words[1], words[2], words[3]);
}

extern "C" long syscall(long number, ...) {
  using Real = long (*)(long, long, long, long, long, long, long);
  static const auto real = reinterpret_cast<Real>(RealFunction("syscall"));
  va_list rest;
  va_start(rest, number);
  long words[6];
  for (long& word : words) {
    word = va_arg(rest, long);
  }
  va_end(rest);
  if (const int ordered = Ordered("syscall", EPERM, ENOMEM)) {
    errno = ordered;
    return -1;
  }
  return real(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

extern "C" pid_t fork() {
  static const auto real = reinterpret_cast<pid_t (*)()>(RealFunction("fork"));
  if (const int ordered = Ordered("fork", EAGAIN, ENOMEM)) {
    errno = ordered;
    return -1;
  }
  const pid_t child = real();
  if (child == 0) {
    BecomeChild();
  }
  return child;
}

extern "C" int epoll_wait(int epoll, epoll_event* events, int count, int timeout) {
  static const auto real =
      reinterpret_cast<int (*)(int, epoll_event*, int, int)>(RealFunction("epoll_wait"));
  return WaitFor("epoll_wait", timeout, [&](int time) { return real(epoll, events, count, time); });
}

extern "C" int poll(pollfd* waits, nfds_t count, int timeout) {
  static const auto real = reinterpret_cast<int (*)(pollfd*, nfds_t, int)>(RealFunction("poll"));
  return WaitFor("poll", timeout, [&](int time) { return real(waits, count, time); });
}
