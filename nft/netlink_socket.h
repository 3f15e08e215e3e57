#pragma once
// Knows: how to talk to the kernel over one netlink socket: one request, all of its answer, in
// bounded time. Touches: that socket.

#include <linux/netlink.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/descriptor.h"

namespace dnspin {

class NetlinkSocket {
 public:
  // Of the wait for the kernel alone; netlink has no business with anybody's wall or boot clock.
  using Time = std::chrono::steady_clock::time_point;
  static constexpr size_t kDatagramOctets = 65536;  // the kernel's dumps use at most 32 KiB

  // `bus` is NETLINK_ROUTE or NETLINK_NETFILTER; `groups` are RTNLGRP_ or NFNLGRP_ numbers to join.
  static absl::StatusOr<NetlinkSocket> Open(int bus, std::span<const int> groups = {});

  int fd() const { return socket_.get(); }
  uint32_t NextSequence() { return ++sequence_; }
  uint32_t port_id() const;  // the kernel's name for this socket

  // All messages of `bytes` as one datagram.
  absl::Status Send(std::span<const char> bytes);

  // One datagram of the kernel's, into `buffer`; anybody else's are skipped. kDeadlineExceeded if
  // none comes in time; the errno of anything else is in `error`, ENOBUFS among them.
  absl::StatusOr<std::span<const char>> Receive(std::span<char> buffer, Time deadline);

  // Sends one request, which carries NLM_F_DUMP or NLM_F_ACK and a sequence number of ours, and
  // calls `each` for every message of the answer. kAborted if a dump was disturbed and is to be
  // repeated.
  absl::Status Ask(const nlmsghdr& request, const std::function<void(const nlmsghdr&)>& each);

  // The errno of the last failed Send, Receive or Ask; 0 if it had none.
  int error() const { return error_; }

 private:
  explicit NetlinkSocket(Descriptor socket) : socket_(std::move(socket)) {}
  absl::Status Failed(int error, const char* what);
  absl::Status WaitUntilReadable(Time deadline);
  struct Answer;
  absl::Status Read(std::span<const char> datagram, Answer& answer,
                    const std::function<void(const nlmsghdr&)>& each);

  Descriptor socket_;
  uint32_t sequence_ = 0;
  int error_ = 0;
};

// The value of the first attribute of this type behind the message's own header of `offset` octets.
std::optional<std::span<const uint8_t>> FindAttribute(const nlmsghdr& message, size_t offset,
                                                      int type);

}  // namespace dnspin
