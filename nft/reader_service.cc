#include "nft/reader_service.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "io/packet_pair.h"
#include "pinning/channel_packet.h"

namespace dnspin {
namespace {

constexpr std::chrono::seconds kLongLife{10};
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kPauseMax{5000};
constexpr std::chrono::milliseconds kWaitForDoor{10};
constexpr int kServedATurn = 16;
constexpr size_t kStartingMax = 4;
constexpr std::chrono::seconds kHeldMax{5};
constexpr uint32_t kSharedTimes = 4;  // as long is a queue that all clients have
constexpr std::chrono::milliseconds kStartPatience{250};
constexpr std::chrono::seconds kEndPause{1};  // after what the launcher could not end

// Room for kRequestsOpenMax replies at once: a full channel then means that the peer does not read.
constexpr int kChannelOctets = 4 << 20;

}  // namespace

absl::Status ReaderService::OpenDoor(ServedClient& client, uint16_t port_wished) {
  const auto number = static_cast<uint32_t>(client.id);
  auto port = launcher_.OpenDoor(number, port_wished);
  while (!port.ok() && port_wished != 0 && waits_for_doors_ > 0) {
    --waits_for_doors_;
    std::this_thread::sleep_for(kWaitForDoor);
    port = launcher_.OpenDoor(number, port_wished);
  }
  if (!port.ok() && port_wished != 0) {
    port = launcher_.OpenDoor(number, 0);
  }
  if (!port.ok()) {
    return port.status();
  }
  client.port = *port;
  return absl::OkStatus();
}

void ReaderService::Dismiss(const ServedClient& client) {
  doors_to_close_.insert(static_cast<uint32_t>(client.id));
  const auto seat = seats_.find(static_cast<uint32_t>(client.id));
  if (seat == seats_.end()) {
    return;
  }
  if (seat->second.reader != 0) {
    readers_to_kill_.insert(seat->second.reader);
    whose_.erase(seat->second.reader);
    starting_.erase(seat->second.reader);
  }
  seats_.erase(seat);
}

// If any of it is not there, that is what was wanted.
void ReaderService::EndWhatIsDue(BootTime now) {
  if (now < end_at_) {
    return;
  }
  const auto ended = [](const absl::Status& status) {
    return status.ok() || absl::IsNotFound(status);
  };
  std::erase_if(doors_to_close_,
                [&](uint32_t client) { return ended(launcher_.CloseDoor(client)); });
  std::erase_if(readers_to_kill_,
                [&](uint32_t reader) { return ended(launcher_.KillReader(reader)); });
  if (!doors_to_close_.empty() || !readers_to_kill_.empty()) {
    end_at_ = now + kEndPause;
  }
}

// Nothing is held for half as long as this.
void ReaderService::DropForgotten(BootTime now) {
  if (now < drop_at_) {
    return;
  }
  drop_at_ = now + kHeldMax;
  for (auto& [client, seat] : seats_) {
    if (const auto queue = seat.queue.lock(); queue != nullptr) {
      queue->DropForgotten();
    }
  }
}

ReaderService::Seat& ReaderService::SeatOf(const ServedClient& client) {
  return seats_[isolation_ == Isolation::kClient ? static_cast<uint32_t>(client.id) : 0];
}

absl::Status ReaderService::Fill(Seat& seat, const ServedClient& client, BootTime now) {
  if (seat.reader != 0) {
    return absl::OkStatus();
  }
  const uint32_t number = next_reader_++;
  const auto pid = launcher_.StartReader(number);
  if (!pid.ok()) {
    return pid.status();
  }
  whose_[number] = isolation_ == Isolation::kClient ? client.desired.name : "";
  seat.reader = number;
  seat.pid = *pid;
  seat.started = now;
  starting_[number] = now + kStartPatience;
  return absl::OkStatus();
}

absl::Status ReaderService::TryServe(ServedClient& client, Seat& seat, BootTime now) {
  if (auto status = Fill(seat, client, now); !status.ok()) {
    return status;
  }
  auto pair = PacketPair();
  if (!pair.ok()) {
    return pair.status();
  }
  for (const int end : {pair->first.get(), pair->second.get()}) {
    setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &kChannelOctets, sizeof(kChannelOctets));
  }
  // Where the kernel knows how to (6.16): closing one that lingers could hold dnspind up.
  RefuseDescriptors(pair->first.get());
  if (auto status = launcher_.Serve(seat.reader, static_cast<uint32_t>(client.id), pair->second);
      !status.ok()) {
    return status;
  }
  auto watch = reactor_.Add(pair->first.get(), [this, &client](Ready) {
    if (!std::exchange(client.readable, true)) {
      speaking_.push_back(client.id);
      starting_.erase(client.reader);
    }
  });
  if (!watch.ok()) {
    return watch.status();
  }
  client.watch = *std::move(watch);
  client.channel = std::move(pair->first);
  client.reader = seat.reader;
  return TrySendPolicy(client);
}

absl::Status ReaderService::TrySendPolicy(ServedClient& client) {
  Policy told = client.policy;
  told.grants = client.grants.All();
  const auto memory = SealedMemory(write_policy_(told));
  if (!memory.ok()) {
    return memory.status();
  }
  const int fd = memory->get();
  const auto sent =
      SendPacket(client.channel.get(),
                 PacketOf(Encode(ToReader(PolicyNotice{client.policy.generation}))), {&fd, 1});
  return sent.ok() ? TrySendQueue(client) : sent;
}

// A reader that is new, or whose client's answers are held from now on, gets a queue of its own,
// for all its clients: what one before it had not judged is dropped, and the client asks again.
absl::Status ReaderService::TrySendQueue(ServedClient& client) {
  if (client.held != nullptr && client.held->number() == client.queue) {
    return absl::OkStatus();
  }
  if (client.queue == 0) {
    if (isolation_ == Isolation::kClient) {
      client.held.reset();
    }
    return absl::OkStatus();  // what others' answers wait in, its desk may still speak of
  }
  client.held.reset();
  Seat& seat = SeatOf(client);
  client.held = seat.queue.lock();
  if (client.held == nullptr || client.held->number() != client.queue) {
    const uint32_t times = isolation_ == Isolation::kShared ? kSharedTimes : 1;
    auto queue = HeldQueue::Open(
        client.queue, {times * client.policy.limits.questions_in_flight, client.fails_open});
    if (!queue.ok()) {
      return queue.status();
    }
    client.held = *std::move(queue);
    seat.queue = client.held;
  }
  const int fd = client.held->fd();
  return SendPacket(client.channel.get(), PacketOf(Encode(ToReader(QueueNotice{client.queue}))),
                    {&fd, 1});
}

void ReaderService::Serve(ServedClient& client, BootTime now) {
  Seat& seat = SeatOf(client);
  if (const auto status = TryServe(client, seat, now); !status.ok()) {
    journal_.Say(
        Priority::kError,
        fmt::format("{} is not served: {}", client.desired.name, std::string(status.message())),
        now);
    client.EndService();
    seat.restart_at = seat.restart_at.value_or(now + kPauseMax);
  }
}

void ReaderService::SendPolicy(ServedClient& client, BootTime now) {
  if (client.reader == 0) {
    return;  // it gets its policy when it is served
  }
  if (const auto status = TrySendPolicy(client); !status.ok()) {
    journal_.Say(Priority::kError,
                 fmt::format("no policy reaches the reader of {}: {}", client.desired.name,
                             std::string(status.message())),
                 now);
    readers_to_kill_.insert(client.reader);  // what it holds is out of date
  }
}

void ReaderService::DoubtPins(const ServedClients& clients) {
  for (const auto& [id, client] : clients) {
    DoubtPins(client);
  }
}

void ReaderService::DoubtPins(const ServedClient& client) {
  static const std::string kMessage = PacketOf(Encode(ToReader(PinsInDoubt{})));
  if (client.reader != 0 && !SendPacket(client.channel.get(), kMessage).ok()) {
    readers_to_kill_.insert(client.reader);  // it may tell what is not there
  }
}

void ReaderService::Leave(uint32_t reader, ServedClients& clients, BootTime now) {
  const auto found = std::find_if(seats_.begin(), seats_.end(), [reader](const auto& entry) {
    return entry.second.reader == reader;
  });
  if (found == seats_.end()) {
    return;
  }
  starting_.erase(reader);
  Seat& seat = found->second;
  seat.failures = now - seat.started >= kLongLife ? 0 : seat.failures + 1;
  seat.former = std::exchange(seat.reader, 0);
  ++tally_.restarted;
  for (auto& [id, client] : clients) {
    if (client.reader == reader) {
      client.EndService();
    }
  }
  const unsigned doublings = seat.failures == 0 ? 0 : std::min(seat.failures - 1, 6U);
  const auto pause = std::min<BootClock::duration>(kFirstPause * (1U << doublings), kPauseMax);
  seat.restart_at = seat.failures == 0 ? now : now + pause;
}

void ReaderService::EndReaderOf(ServedClient& client, const std::string& why,
                                ServedClients& clients, BootTime now) {
  if (client.reader == 0) {
    return;
  }
  journal_.Write({Priority::kError,
                  fmt::format("the reader of {} is ended: {}", client.desired.name, why),
                  "error",
                  client.desired.name,
                  {}},
                 now);
  readers_to_kill_.insert(client.reader);
  Leave(client.reader, clients, now);
}

absl::Status ReaderService::TakeExits(ServedClients& clients, BootTime now) {
  const auto exits = launcher_.TakeExits();
  if (!exits.ok()) {
    return exits.status();
  }
  for (const LauncherReport& report : *exits) {
    const auto whose = whose_.extract(report.reader);
    if (whose.empty()) {
      continue;
    }
    tally_.CountEnd(report.status);
    // Of one that has left already this is the last word: why its channels closed.
    const std::string& client = whose.mapped();
    journal_.Write({Priority::kError,
                    fmt::format("reader {}{}{} ended: {}", report.value,
                                client.empty() ? "" : " of ", client, HowItEnded(report.status)),
                    "error",
                    client,
                    {}},
                   now);
    Leave(report.reader, clients, now);
  }
  return absl::OkStatus();
}

void ReaderService::QueueWhoIsDue(const ServedClients& clients, BootTime now) {
  std::set<const Seat*> due;
  for (auto& [number, seat] : seats_) {
    // Two readers of one door would share its questions.
    if (seat.restart_at && *seat.restart_at <= now && !readers_to_kill_.contains(seat.former)) {
      seat.restart_at.reset();
      due.insert(&seat);
    }
  }
  for (auto client = clients.begin(); !due.empty() && client != clients.end(); ++client) {
    if (client->second.reader == 0 && due.contains(&SeatOf(client->second))) {
      ServeSoon(client->second);
    }
  }
}

bool ReaderService::MayServe() const {
  return !to_serve_.empty() && starting_.size() < kStartingMax;
}

void ReaderService::Restart(ServedClients& clients, BootTime now) {
  EndWhatIsDue(now);
  DropForgotten(now);
  QueueWhoIsDue(clients, now);
  std::erase_if(starting_, [now](const auto& entry) { return entry.second <= now; });
  for (int served = 0; served < kServedATurn && MayServe();) {
    const auto client = clients.find(to_serve_.front());
    to_serve_.pop_front();
    // Who has gone meanwhile; who was queued twice; whose reader waits for its next start.
    if (client != clients.end() && client->second.reader == 0 &&
        !SeatOf(client->second).restart_at) {
      Serve(client->second, now);
      ++served;
    }
  }
}

std::optional<BootTime> ReaderService::NextDeadline() const {
  if (MayServe()) {
    return BootTime();  // at once
  }
  std::optional<BootTime> next;
  for (const auto& [reader, patience] : starting_) {
    next = std::min(next.value_or(patience), patience);
  }
  if (!doors_to_close_.empty() || !readers_to_kill_.empty()) {
    next = std::min(next.value_or(end_at_), end_at_);
  }
  for (const auto& [number, seat] : seats_) {
    if (seat.restart_at && !readers_to_kill_.contains(seat.former)) {
      next = std::min(next.value_or(*seat.restart_at), *seat.restart_at);
    }
  }
  return next;
}

std::map<uint32_t, int> ReaderService::Pids() const {
  std::map<uint32_t, int> pids;
  for (const auto& [number, seat] : seats_) {
    if (seat.reader != 0) {
      pids[seat.reader] = seat.pid;
    }
  }
  return pids;
}

}  // namespace dnspin
