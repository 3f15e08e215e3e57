#include "nft/netlink_socket.h"

#include <libmnl/libmnl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace dnspin {
namespace {

constexpr auto kAnswerTime = std::chrono::seconds(5);  // of a dump; the kernel needs milliseconds

// What an NLMSG_ERROR or the end of a dump says: 0 or an errno.
int ErrorOf(const nlmsghdr& message) {
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(int)) {
    return message.nlmsg_type == NLMSG_DONE ? 0 : EBADMSG;
  }
  return -*static_cast<const int*>(mnl_nlmsg_get_payload(&message));
}

int LengthUpTo(const char* end, const nlattr* attribute) {
  return static_cast<int>(end - reinterpret_cast<const char*>(attribute));
}

}  // namespace

absl::StatusOr<NetlinkSocket> NetlinkSocket::Open(int bus, std::span<const int> groups) {
  Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, bus));
  if (!socket.valid()) {
    return absl::ErrnoToStatus(errno, "netlink socket");
  }
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) < 0) {
    return absl::ErrnoToStatus(errno, "netlink bind");
  }
  for (const int group : groups) {
    if (::setsockopt(socket.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) <
        0) {
      return absl::ErrnoToStatus(errno, "netlink group");
    }
  }
  return NetlinkSocket(std::move(socket));
}

absl::Status NetlinkSocket::Failed(int error, const char* what) {
  error_ = error;
  return absl::ErrnoToStatus(error, what);
}

absl::Status NetlinkSocket::Send(std::span<const char> bytes) {
  error_ = 0;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const ssize_t sent = ::sendto(socket_.get(), bytes.data(), bytes.size(), 0,
                                reinterpret_cast<const sockaddr*>(&kernel), sizeof(kernel));
  if (sent < 0) {
    return Failed(errno, "netlink send");
  }
  return absl::OkStatus();
}

uint32_t NetlinkSocket::port_id() const {
  sockaddr_nl own{};
  socklen_t length = sizeof(own);
  ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&own), &length);
  return own.nl_pid;
}

absl::Status NetlinkSocket::WaitUntilReadable(Time deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return absl::DeadlineExceededError("the kernel does not answer");
    }
    pollfd wait{socket_.get(), POLLIN, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(left.count()));
    if (ready > 0) {
      return absl::OkStatus();
    }
    if (ready < 0 && errno != EINTR) {
      return Failed(errno, "netlink poll");
    }
  }
}

absl::StatusOr<std::span<const char>> NetlinkSocket::Receive(std::span<char> buffer,
                                                             Time deadline) {
  error_ = 0;
  for (;;) {
    sockaddr_nl sender{};
    iovec piece{buffer.data(), buffer.size()};
    msghdr header{};
    header.msg_name = &sender;
    header.msg_namelen = sizeof(sender);
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    const ssize_t received = ::recvmsg(socket_.get(), &header, MSG_DONTWAIT);
    if (received < 0) {
      if (errno == EINTR) {
        continue;
      }
      if (errno == EAGAIN) {
        if (absl::Status ready = WaitUntilReadable(deadline); !ready.ok()) {
          return ready;
        }
        continue;
      }
      return Failed(errno, "netlink receive");
    }
    if ((header.msg_flags & MSG_TRUNC) != 0) {
      return Failed(EMSGSIZE, "netlink receive");
    }
    if (header.msg_namelen == sizeof(sender) && sender.nl_pid == 0) {  // 0 is the kernel
      return std::span<const char>(buffer.data(), static_cast<size_t>(received));
    }
  }
}

struct NetlinkSocket::Answer {
  uint32_t sequence;
  bool complete = false;
  bool disturbed = false;
};

absl::Status NetlinkSocket::Read(std::span<const char> datagram, Answer& answer,
                                 const std::function<void(const nlmsghdr&)>& each) {
  int left = static_cast<int>(datagram.size());
  const nlmsghdr* message = reinterpret_cast<const nlmsghdr*>(datagram.data());
  for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
    if (message->nlmsg_seq != answer.sequence) {
      continue;  // of a request that was given up
    }
    answer.disturbed |= (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
      answer.complete = true;
      const int error = ErrorOf(*message);
      return error == 0 ? absl::OkStatus() : Failed(error, "netlink request");
    }
    if (message->nlmsg_type >= NLMSG_MIN_TYPE) {
      each(*message);
    }
  }
  return absl::OkStatus();
}

absl::Status NetlinkSocket::Ask(const nlmsghdr& request,
                                const std::function<void(const nlmsghdr&)>& each) {
  if (absl::Status sent = Send({reinterpret_cast<const char*>(&request), request.nlmsg_len});
      !sent.ok()) {
    return sent;
  }
  const Time deadline = std::chrono::steady_clock::now() + kAnswerTime;
  std::vector<char> buffer(kDatagramOctets);
  Answer answer{request.nlmsg_seq};
  while (!answer.complete) {
    const absl::StatusOr<std::span<const char>> datagram = Receive(buffer, deadline);
    if (!datagram.ok()) {
      return datagram.status();
    }
    if (absl::Status status = Read(*datagram, answer, each); !status.ok()) {
      return status;
    }
  }
  return answer.disturbed ? absl::AbortedError("a netlink dump was disturbed") : absl::OkStatus();
}

std::optional<std::span<const uint8_t>> FindAttribute(const nlmsghdr& message, size_t offset,
                                                      int type) {
  if (mnl_nlmsg_get_payload_len(&message) < offset) {
    return std::nullopt;
  }
  const char* end = reinterpret_cast<const char*>(&message) + message.nlmsg_len;
  const auto* attribute =
      static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(&message, offset));
  for (; mnl_attr_ok(attribute, LengthUpTo(end, attribute)); attribute = mnl_attr_next(attribute)) {
    if (mnl_attr_get_type(attribute) == type) {
      return std::span(static_cast<const uint8_t*>(mnl_attr_get_payload(attribute)),
                       mnl_attr_get_payload_len(attribute));
    }
  }
  return std::nullopt;
}

}  // namespace dnspin
