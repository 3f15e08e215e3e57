#include "io/reactor.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

namespace dnspin {
namespace {

int TimeoutMs(BootTime now, std::optional<BootTime> deadline) {
  if (!deadline) {
    return -1;
  }
  // Rounded up: waking early would only turn once more for nothing.
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - now).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, std::numeric_limits<int>::max()));
}

}  // namespace

Watch::Watch(Watch&& other) noexcept
    : reactor_(std::exchange(other.reactor_, nullptr)), id_(other.id_) {}

Watch& Watch::operator=(Watch&& other) noexcept {
  std::swap(reactor_, other.reactor_);
  std::swap(id_, other.id_);
  return *this;
}

Watch::~Watch() {
  if (reactor_ != nullptr) {
    reactor_->End(id_);
  }
}

void Watch::WantWrite(bool want) {
  if (reactor_ != nullptr) {
    reactor_->Want(id_, reactor_->entries_.at(id_)->read, want);
  }
}

void Watch::WantRead(bool want) {
  if (reactor_ != nullptr) {
    reactor_->Want(id_, want, reactor_->entries_.at(id_)->write);
  }
}

absl::StatusOr<std::unique_ptr<Reactor>> Reactor::Create() {
  Descriptor epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) {
    return absl::ErrnoToStatus(errno, "epoll_create1");
  }
  return std::unique_ptr<Reactor>(new Reactor(std::move(epoll)));
}

absl::StatusOr<Watch> Reactor::Add(int fd, std::function<void(Ready)> callback, WatchGroup* group) {
  const uint64_t id = next_id_++;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = id;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0) {
    return absl::ErrnoToStatus(errno, "epoll_ctl");
  }
  entries_[id] = std::make_unique<Entry>(Entry{fd, std::move(callback), group});
  return Watch(this, id);
}

void Reactor::Want(uint64_t id, bool read, bool write) {
  Entry& entry = *entries_.at(id);
  if (entry.read == read && entry.write == write) {
    return;
  }
  entry.read = read;
  entry.write = write;
  epoll_event event{};
  event.events = (read ? EPOLLIN : 0U) | (write ? EPOLLOUT : 0U);
  event.data.u64 = id;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, entry.fd, &event);
}

void Reactor::End(uint64_t id) {
  const auto found = entries_.find(id);
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second->fd, nullptr);
  ended_.push_back(std::move(found->second));  // it may be the one that runs now
  entries_.erase(found);
}

void WatchGroup::Touch() {
  if (std::exchange(called_in_, reactor_.turns_) != reactor_.turns_) {
    reactor_.groups_called_.push_back(id_);
  }
}

void Reactor::Call(const Entry& entry, uint32_t events) {
  if (entry.group != nullptr) {
    entry.group->Touch();
  }
  entry.callback({.readable = (events & ~static_cast<uint32_t>(EPOLLOUT)) != 0,
                  .writable = (events & EPOLLOUT) != 0});
}

absl::Status Reactor::Turn(BootTime now, std::optional<BootTime> deadline) {
  std::array<epoll_event, 64> events{};
  const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                               TimeoutMs(now, deadline));
  if (count < 0 && errno != EINTR) {
    return absl::ErrnoToStatus(errno, "epoll_wait");
  }
  ++turns_;
  groups_called_.clear();
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    const uint64_t id = event.data.u64;  // a copy: the kernel's struct is packed
    const auto found = entries_.find(id);
    if (found == entries_.end()) {
      continue;  // ended by an earlier callback of this turn
    }
    Call(*found->second, event.events);
  }
  // A callback that goes may own watches, which end with it.
  while (!ended_.empty()) {
    const auto gone = std::exchange(ended_, {});
  }
  return absl::OkStatus();
}

}  // namespace dnspin
