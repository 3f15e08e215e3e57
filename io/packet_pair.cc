#include "io/packet_pair.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace dnspin {
namespace {

constexpr size_t kDescriptorsMax = 16;
constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

using ControlBuffer = std::array<char, CMSG_SPACE(kDescriptorsMax * sizeof(int))>;

std::vector<Descriptor> TakeDescriptors(const msghdr& header) {
  std::vector<Descriptor> descriptors;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
       part = CMSG_NXTHDR(const_cast<msghdr*>(&header), part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      descriptors.emplace_back(fd);
    }
  }
  return descriptors;
}

}  // namespace

absl::StatusOr<std::pair<Descriptor, Descriptor>> PacketPair() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) < 0) {
    return absl::ErrnoToStatus(errno, "socketpair");
  }
  return std::pair(Descriptor(ends[0]), Descriptor(ends[1]));
}

bool RefuseDescriptors(int fd) {
#ifdef SO_PASSRIGHTS
  constexpr int kPassRights = SO_PASSRIGHTS;
#else
  constexpr int kPassRights = 83;  // younger than Debian's headers
#endif
  const int off = 0;
  return setsockopt(fd, SOL_SOCKET, kPassRights, &off, sizeof(off)) == 0;
}

absl::Status SendPacket(int fd, std::string_view message, std::span<const int> descriptors) {
  if (descriptors.size() > kDescriptorsMax) {
    return absl::InvalidArgumentError("too many descriptors in one message");
  }
  iovec part{const_cast<char*>(message.data()), message.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) ControlBuffer control{};
  if (!descriptors.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  }
  if (sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return absl::UnavailableError("the peer does not read");
    }
    return absl::ErrnoToStatus(errno, "sendmsg");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Packet>> ReceivePacket(int fd, size_t octets_max,
                                                    size_t descriptors_max) {
  Packet packet;
  packet.bytes.resize(octets_max);
  iovec part{packet.bytes.data(), packet.bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) ControlBuffer control{};
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t octets = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (octets < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
      return std::optional<Packet>();
    }
    if (errno == ECONNRESET) {  // it has gone, and never read all that we had sent
      return absl::OutOfRangeError("the peer has closed");
    }
    return absl::ErrnoToStatus(errno, "recvmsg");
  }
  packet.descriptors = TakeDescriptors(header);
  packet.truncated = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
                     packet.descriptors.size() > descriptors_max;
  packet.bytes.resize(static_cast<size_t>(octets));
  if (octets == 0 && packet.descriptors.empty()) {
    return absl::OutOfRangeError("the peer has closed");
  }
  return std::optional<Packet>(std::move(packet));
}

absl::StatusOr<Descriptor> SealedMemory(std::string_view contents) {
  Descriptor memory(memfd_create("dnspin-policy", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.valid()) {
    return absl::ErrnoToStatus(errno, "memfd_create");
  }
  for (size_t written = 0; written < contents.size();) {
    const ssize_t octets =
        write(memory.get(), contents.data() + written, contents.size() - written);
    if (octets < 0) {
      return absl::ErrnoToStatus(errno, "write to memfd");
    }
    written += static_cast<size_t>(octets);
  }
  if (fcntl(memory.get(), F_ADD_SEALS, kSeals) < 0) {
    return absl::ErrnoToStatus(errno, "seal memfd");
  }
  return memory;
}

absl::StatusOr<std::string> ReadSealedMemory(int fd, size_t octets_max) {
  const int seals = fcntl(fd, F_GET_SEALS);
  struct stat status {};
  if (seals < 0 || (seals & kSeals) != kSeals || fstat(fd, &status) < 0) {
    return absl::InvalidArgumentError("not a sealed memfd");
  }
  if (status.st_size < 0 || static_cast<uint64_t>(status.st_size) > octets_max) {
    return absl::InvalidArgumentError("a sealed memfd that is too large");
  }
  std::string contents(static_cast<size_t>(status.st_size), '\0');
  for (size_t had = 0; had < contents.size();) {
    const ssize_t octets =
        pread(fd, contents.data() + had, contents.size() - had, static_cast<off_t>(had));
    if (octets <= 0) {
      return absl::ErrnoToStatus(octets < 0 ? errno : EIO, "read memfd");
    }
    had += static_cast<size_t>(octets);
  }
  return contents;
}

}  // namespace dnspin
