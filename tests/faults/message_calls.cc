// Messages: what is sent and received can also be cut, or come twice. On netlink sockets they are
// counted as netlink, on channels (sendmsg and recvmsg on any other socket) as channel.
#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "tests/faults/fault_page.h"

namespace dnspin::faults {
namespace {

constexpr uint32_t kUsual = kFail | kFailOther | kLate;

// Received once, and to be received again. One at a time: there is one order at a time.
struct Second {
  int fd = -1;
  size_t octets = 0;
  sockaddr_storage from{};
  socklen_t from_length = 0;
  std::array<char, 1 << 17> message{};
};
Second second;

bool IsNetlink(int fd) {
  sockaddr_storage name{};
  socklen_t length = sizeof(name);
  static const auto real =
      reinterpret_cast<int (*)(int, sockaddr*, socklen_t*)>(RealFunction("getsockname"));
  return real(fd, reinterpret_cast<sockaddr*>(&name), &length) == 0 && name.ss_family == AF_NETLINK;
}

// A reader has no netlink, and may not be allowed to ask what a socket is.
Kind KindOf(int fd) {
  return OwnRole() != Role::kReader && IsNetlink(fd) ? Kind::kNetlink : Kind::kChannel;
}

ssize_t Failed(Action action, int error, int other) {
  errno = action == kFail ? error : other;
  return -1;
}

// The kernel's "done" becomes "not permitted".
void Contradict(std::span<char> datagram) {
  size_t at = 0;
  while (at + sizeof(nlmsghdr) + sizeof(int) <= datagram.size()) {
    nlmsghdr header{};
    std::memcpy(&header, &datagram[at], sizeof(header));
    int error = 0;
    std::memcpy(&error, &datagram[at + sizeof(header)], sizeof(error));
    if (header.nlmsg_type == NLMSG_ERROR && error == 0) {
      error = -EPERM;
      std::memcpy(&datagram[at + sizeof(header)], &error, sizeof(error));
    }
    if (header.nlmsg_len < sizeof(header)) {
      break;
    }
    at += NLMSG_ALIGN(header.nlmsg_len);
  }
}

void Keep(int fd, const msghdr& header, ssize_t octets) {
  second.fd = fd;
  second.octets = std::min(static_cast<size_t>(octets), second.message.size());
  second.from_length = std::min<socklen_t>(header.msg_namelen, sizeof(second.from));
  if (header.msg_name != nullptr) {
    std::memcpy(&second.from, header.msg_name, second.from_length);
  }
  std::memcpy(second.message.data(), header.msg_iov->iov_base, second.octets);
}

ssize_t TakeSecond(msghdr& header) {
  const size_t octets = std::min(second.octets, header.msg_iov->iov_len);
  std::memcpy(header.msg_iov->iov_base, second.message.data(), octets);
  if (header.msg_name != nullptr) {
    std::memcpy(header.msg_name, &second.from, second.from_length);
    header.msg_namelen = second.from_length;
  }
  header.msg_controllen = 0;
  header.msg_flags = 0;
  second.fd = -1;
  return static_cast<ssize_t>(octets);
}

ssize_t Distort(Action action, Kind kind, int fd, msghdr& header, ssize_t octets) {
  const std::span<char> got(static_cast<char*>(header.msg_iov->iov_base),
                            static_cast<size_t>(octets));
  switch (action) {
    case kFail:  // what the kernel had no room for is gone
      errno = ENOBUFS;
      return -1;
    case kFailOther:
      Contradict(got);
      return octets;
    case kCut:
      header.msg_flags |= kind == Kind::kNetlink ? MSG_TRUNC : 0;
      return octets / 2;
    case kDouble:
      Keep(fd, header, octets);
      return octets;
    default:
      return octets;
  }
}

}  // namespace
}  // namespace dnspin::faults

using namespace dnspin::faults;

extern "C" ssize_t recvmsg(int fd, msghdr* header, int flags) {
  static const auto real =
      reinterpret_cast<ssize_t (*)(int, msghdr*, int)>(RealFunction("recvmsg"));
  if (second.fd == fd) {
    return TakeSecond(*header);
  }
  if (const Action action = Meet(Kind::kSyscall, "recvmsg", kUsual); action == kLate) {
    BeLate();
  } else if (action != kNothing) {
    return Failed(action, EINTR, ENOMEM);
  }
  const ssize_t octets = real(fd, header, flags);
  if (octets <= 0 || header->msg_iovlen != 1 || (flags & MSG_PEEK) != 0) {
    return octets;  // only what comes is counted: waits for nothing differ from run to run
  }
  const Kind kind = KindOf(fd);
  const Action action = Meet(kind, "recvmsg", kUsual | kCut | kDouble);
  if (action == kLate) {
    BeLate();
    return octets;
  }
  if (kind == Kind::kChannel && (action == kFail || action == kFailOther)) {
    return Failed(action, ECONNRESET, EIO);
  }
  return Distort(action, kind, fd, *header, octets);
}

// What waits on a socket goes with it, and not to the next one of its number.
extern "C" int close(int fd) {
  static const auto real = reinterpret_cast<int (*)(int)>(RealFunction("close"));
  if (second.fd == fd) {
    second.fd = -1;
  }
  return real(fd);
}

extern "C" ssize_t sendmsg(int fd, const msghdr* header, int flags) {
  static const auto real =
      reinterpret_cast<ssize_t (*)(int, const msghdr*, int)>(RealFunction("sendmsg"));
  const Kind kind = KindOf(fd);
  if (kind == Kind::kNetlink) {
    HideLackingExpression(*header);
  }
  // The kernel takes a netlink message whole and once, or not at all.
  const Action action =
      Meet(kind, "sendmsg", kind == Kind::kNetlink ? kUsual : kUsual | kCut | kDouble);
  switch (action) {
    case kFail:
    case kFailOther:
      return Failed(action, ENOBUFS, kind == Kind::kNetlink ? EPERM : EPIPE);
    case kLate:
      BeLate();
      return real(fd, header, flags);
    case kDouble:
      real(fd, header, flags);
      return real(fd, header, flags);
    case kCut: {
      msghdr half = *header;
      iovec part{header->msg_iov->iov_base, header->msg_iov->iov_len / 2};
      half.msg_iov = &part;
      return real(fd, &half, flags) < 0 ? -1 : static_cast<ssize_t>(header->msg_iov->iov_len);
    }
    default:
      return real(fd, header, flags);
  }
}

extern "C" ssize_t sendto(int fd, const void* octets, size_t count, int flags,
                          const sockaddr* target, socklen_t length) {
  using Real = ssize_t (*)(int, const void*, size_t, int, const sockaddr*, socklen_t);
  static const auto real = reinterpret_cast<Real>(RealFunction("sendto"));
  const Action action = Meet(Kind::kNetlink, "sendto", kUsual);
  if (action == kFail || action == kFailOther) {
    return Failed(action, ENOBUFS, EPERM);
  }
  if (action == kLate) {
    BeLate();
  }
  return real(fd, octets, count, flags, target, length);
}

// Streams and datagrams of DNS, the control socket and the journal.

extern "C" ssize_t recv(int fd, void* buffer, size_t size, int flags) {
  using Real = ssize_t (*)(int, void*, size_t, int);
  static const auto real = reinterpret_cast<Real>(RealFunction("recv"));
  const Action action = Meet(Kind::kSyscall, "recv", kUsual | kCut);
  if (action == kFail || action == kFailOther) {
    return Failed(action, ECONNRESET, EINTR);
  }
  if (action == kLate) {
    BeLate();
  } else if (action == kCut) {
    const ssize_t waiting = real(fd, buffer, size, flags | MSG_PEEK);
    return waiting > 1 ? real(fd, buffer, static_cast<size_t>(waiting) / 2, flags) : waiting;
  }
  return real(fd, buffer, size, flags);
}

extern "C" ssize_t send(int fd, const void* octets, size_t count, int flags) {
  using Real = ssize_t (*)(int, const void*, size_t, int);
  static const auto real = reinterpret_cast<Real>(RealFunction("send"));
  const Action action = Meet(Kind::kSyscall, "send", kUsual | kCut | kDouble);
  switch (action) {
    case kFail:
    case kFailOther:
      return Failed(action, ENOBUFS, EPERM);
    case kLate:
      BeLate();
      break;
    case kDouble:
      real(fd, octets, count, flags);
      break;
    case kCut:
      return real(fd, octets, (count + 1) / 2, flags);
    default:
      break;
  }
  return real(fd, octets, count, flags);
}

extern "C" int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
  using Real = int (*)(int, mmsghdr*, unsigned, int, timespec*);
  static const auto real = reinterpret_cast<Real>(RealFunction("recvmmsg"));
  const Action action = Meet(Kind::kSyscall, "recvmmsg", kUsual | kCut);
  if (action == kFail || action == kFailOther) {
    return static_cast<int>(Failed(action, ENOMEM, EINTR));
  }
  if (action == kLate) {
    BeLate();
  }
  const int received = real(fd, messages, count, flags, timeout);
  if (action == kCut && received > 0) {
    messages[0].msg_len /= 2;
  }
  return received;
}

extern "C" int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  using Real = int (*)(int, mmsghdr*, unsigned, int);
  static const auto real = reinterpret_cast<Real>(RealFunction("sendmmsg"));
  const Action action =
      Meet(Kind::kSyscall, "sendmmsg", kUsual | kDouble | (count > 1 ? kCut : kNothing));
  switch (action) {
    case kFail:
    case kFailOther:
      return static_cast<int>(Failed(action, ENOBUFS, EPERM));
    case kLate:
      BeLate();
      break;
    case kDouble:
      real(fd, messages, count, flags);
      break;
    case kCut:
      return real(fd, messages, count / 2, flags);
    default:
      break;
  }
  return real(fd, messages, count, flags);
}

// Files.

extern "C" ssize_t read(int fd, void* buffer, size_t size) {
  static const auto real = reinterpret_cast<ssize_t (*)(int, void*, size_t)>(RealFunction("read"));
  const Action action = Meet(Kind::kSyscall, "read", kUsual);
  if (action == kFail || action == kFailOther) {
    return Failed(action, EIO, EINTR);
  }
  if (action == kLate) {
    BeLate();
  }
  return real(fd, buffer, size);
}

extern "C" ssize_t pread(int fd, void* buffer, size_t size, off_t offset) {
  using Real = ssize_t (*)(int, void*, size_t, off_t);
  static const auto real = reinterpret_cast<Real>(RealFunction("pread"));
  const Action action = Meet(Kind::kSyscall, "pread", kUsual | kCut);
  if (action == kFail || action == kFailOther) {
    return Failed(action, EIO, EINTR);
  }
  if (action == kLate) {
    BeLate();
  }
  return real(fd, buffer, action == kCut ? (size + 1) / 2 : size, offset);
}

extern "C" ssize_t write(int fd, const void* octets, size_t count) {
  using Real = ssize_t (*)(int, const void*, size_t);
  static const auto real = reinterpret_cast<Real>(RealFunction("write"));
  const Action action = Meet(Kind::kSyscall, "write", kUsual | kCut);
  if (action == kFail || action == kFailOther) {
    return Failed(action, ENOSPC, EINTR);
  }
  if (action == kLate) {
    BeLate();
  }
  return real(fd, octets, action == kCut ? (count + 1) / 2 : count);
}
