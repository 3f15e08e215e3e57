#include "nft/launcher_link.h"

#include <poll.h>

#include <array>
#include <cerrno>
#include <utility>

#include "io/packet_pair.h"

namespace dnspin {
namespace {

constexpr int kAnswerMs = 5000;  // the launcher only makes system calls that do not wait

}  // namespace

absl::StatusOr<std::optional<LauncherReport>> LauncherLink::Receive() {
  auto packet = ReceivePacket(socket_.get(), sizeof(LauncherReport));
  if (!packet.ok()) {
    return packet.status();
  }
  if (!packet->has_value()) {
    return std::optional<LauncherReport>();
  }
  const auto report = ValueOf<LauncherReport>((*packet)->bytes);
  if (!report) {
    return absl::InternalError("the launcher sent something that is no report");
  }
  return report;
}

// Whether it did what was asked of it is not known: which doors and readers there are neither.
absl::Status LauncherLink::Lose(absl::Status why) {
  lost_ = why;
  return why;
}

absl::StatusOr<int> LauncherLink::Ask(LauncherRequest request, std::span<const int> descriptors) {
  if (!lost_.ok()) {
    return lost_;
  }
  request.number = ++requests_;
  if (auto status = SendPacket(socket_.get(), BytesOf(request), descriptors); !status.ok()) {
    return absl::IsFailedPrecondition(status) ? Lose(std::move(status)) : status;  // EPIPE
  }
  for (;;) {
    pollfd wait{socket_.get(), POLLIN, 0};
    if (poll(&wait, 1, kAnswerMs) == 0) {
      return Lose(absl::DeadlineExceededError("the launcher does not answer"));
    }
    const auto report = Receive();
    if (!report.ok()) {
      return Lose(report.status());
    }
    if (!report->has_value()) {
      continue;
    }
    if ((*report)->event == LauncherEvent::kExited) {
      exits_.push_back(**report);
    } else if ((*report)->number != 0 && (*report)->number != request.number) {
      continue;  // on a request that was given up
    } else if ((*report)->event == LauncherEvent::kDone) {
      return (*report)->value;
    } else {
      return absl::ErrnoToStatus((*report)->value, "launcher");
    }
  }
}

absl::StatusOr<uint16_t> LauncherLink::OpenDoor(uint32_t client, uint16_t port_wished) {
  const auto port = Ask({LauncherOp::kOpenDoor, 0, client, port_wished});
  if (!port.ok()) {
    return port.status();
  }
  return static_cast<uint16_t>(*port);
}

absl::Status LauncherLink::CloseDoor(uint32_t client) {
  return Ask({LauncherOp::kCloseDoor, 0, client, 0}).status();
}

absl::StatusOr<int> LauncherLink::StartReader(uint32_t reader) {
  return Ask({LauncherOp::kStartReader, reader, 0, 0});
}

absl::Status LauncherLink::Serve(uint32_t reader, uint32_t client, const Descriptor& channel) {
  const int fd = channel.get();
  return Ask({LauncherOp::kServe, reader, client, 0}, {&fd, 1}).status();
}

absl::Status LauncherLink::ServeLog(uint32_t reader, int log, const Descriptor& channel) {
  const std::array fds = {log, channel.get()};
  return Ask({LauncherOp::kServeLog, reader, 0, 0}, fds).status();
}

absl::Status LauncherLink::KillReader(uint32_t reader) {
  return Ask({LauncherOp::kKillReader, reader, 0, 0}).status();
}

absl::StatusOr<std::vector<LauncherReport>> LauncherLink::TakeExits() {
  if (!lost_.ok()) {
    return lost_;
  }
  for (;;) {
    const auto report = Receive();
    if (!report.ok()) {
      return report.status();
    }
    if (!report->has_value()) {
      return std::exchange(exits_, {});
    }
    if ((*report)->event == LauncherEvent::kExited) {
      exits_.push_back(**report);
    }
  }
}

}  // namespace dnspin
