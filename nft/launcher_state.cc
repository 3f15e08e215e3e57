#include "nft/launcher_state.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "pinning/service_message.h"

namespace dnspin {
namespace {

size_t DescriptorsOf(LauncherOp op) {
  return op == LauncherOp::kServe ? 1 : op == LauncherOp::kServeLog ? 2 : 0;
}

}  // namespace

LauncherReport LauncherState::Take(const Packet& packet) {
  const auto request = ValueOf<LauncherRequest>(packet.bytes);
  const uint32_t reader = request ? request->reader : 0;
  const int value = !request || packet.truncated ? -EINVAL : Do(*request, packet.descriptors);
  const uint32_t number = request ? request->number : 0;
  return value < 0 ? LauncherReport{LauncherEvent::kFailed, reader, -value, 0, number}
                   : LauncherReport{LauncherEvent::kDone, reader, value, 0, number};
}

int LauncherState::Do(const LauncherRequest& request, const std::vector<Descriptor>& descriptors) {
  if (descriptors.size() != DescriptorsOf(request.op)) {
    return -EINVAL;
  }
  switch (request.op) {
    case LauncherOp::kOpenDoor:
      return OpenDoor(request);
    case LauncherOp::kCloseDoor:
      return doors_.erase(request.client) != 0 ? 0 : -ENOENT;
    case LauncherOp::kStartReader:
      return StartReader(request.reader);
    case LauncherOp::kServe:
      return Serve(request, descriptors.front());
    case LauncherOp::kServeLog:
      return ServeLog(request.reader, descriptors[0], descriptors[1]);
    case LauncherOp::kKillReader:
      return KillReader(request.reader);
  }
  return -EINVAL;
}

int LauncherState::OpenDoor(const LauncherRequest& request) {
  if (doors_.contains(request.client) || request.port > UINT16_MAX) {
    return -EINVAL;
  }
  if (doors_.size() >= kDoorsMax) {
    return -EMFILE;
  }
  auto door = hands_.Open(static_cast<uint16_t>(request.port));
  if (!door.ok()) {
    return absl::IsResourceExhausted(door.status()) ? -EMFILE : -EADDRINUSE;
  }
  const int port = door->port;
  doors_[request.client] = *std::move(door);
  return port;
}

int LauncherState::StartReader(uint32_t number) {
  if (readers_.contains(number)) {
    return -EINVAL;
  }
  if (readers_.size() >= kReadersMax) {
    return -EMFILE;
  }
  auto reader = hands_.Start();
  if (!reader.ok()) {
    return -EAGAIN;
  }
  const pid_t pid = reader->pid;
  readers_[number] = *std::move(reader);
  return pid;
}

int LauncherState::Serve(const LauncherRequest& request, const Descriptor& channel) {
  const auto reader = readers_.find(request.reader);
  const auto door = doors_.find(request.client);
  if (reader == readers_.end() || door == doors_.end()) {
    return -EINVAL;
  }
  ServeClient message{request.client, 0};
  std::vector<int> handed;
  for (size_t i = 0; i < door->second.sockets.size(); ++i) {
    if (door->second.sockets[i].valid()) {
      message.sockets |= static_cast<uint8_t>(1U << i);
      handed.push_back(door->second.sockets[i].get());
    }
  }
  handed.push_back(channel.get());
  return hands_.Hand(reader->second.service.get(), Encode(message), handed).ok() ? 0 : -EPIPE;
}

int LauncherState::ServeLog(uint32_t reader, const Descriptor& log, const Descriptor& channel) {
  const auto found = readers_.find(reader);
  if (found == readers_.end()) {
    return -EINVAL;
  }
  const std::array handed = {log.get(), channel.get()};
  return hands_.Hand(found->second.service.get(), Encode(dnspin::ServeLog{}), handed).ok() ? 0
                                                                                           : -EPIPE;
}

int LauncherState::KillReader(uint32_t number) {
  const auto reader = readers_.find(number);
  if (reader == readers_.end()) {
    return -ESRCH;
  }
  return hands_.Kill(reader->second.pid).ok() ? 0 : -EPERM;
}

std::optional<LauncherReport> LauncherState::Exited(pid_t pid, int status) {
  const auto found =
      std::ranges::find_if(readers_, [&](const auto& entry) { return entry.second.pid == pid; });
  if (found == readers_.end()) {
    return std::nullopt;
  }
  const LauncherReport report{LauncherEvent::kExited, found->first, pid, status, 0};
  readers_.erase(found);
  return report;
}

std::vector<pid_t> LauncherState::Readers() const {
  std::vector<pid_t> pids;
  for (const auto& [number, reader] : readers_) {
    pids.push_back(reader.pid);
  }
  return pids;
}

}  // namespace dnspin
