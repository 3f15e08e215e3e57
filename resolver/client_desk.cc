#include "resolver/client_desk.h"

#include <algorithm>
#include <utility>

#include "io/packet_pair.h"
#include "resolver/question.h"

namespace dnspin {
namespace {

constexpr size_t kPolicyOctetsMax = 128 << 20;

std::optional<BootTime> Earlier(std::optional<BootTime> a, std::optional<BootTime> b) {
  return a && b ? std::min(a, b) : a ? a : b;
}

}  // namespace

ClientDesk::ClientDesk(uint32_t client, const Surroundings& surroundings, ClientSockets sockets)
    : with_(surroundings),
      watch_group_(with_.reactor, client),
      channel_(std::move(sockets.channel), counters_),
      network_(watch_group_, with_.random),
      forwarder_({network_, with_.random, channel_, *this, counters_, with_.all_open,
                  with_.standing, with_.assurance}) {
  network_.SetEvents(
      {[this](SocketId socket, std::span<const uint8_t> message, Carriage carriage) {
         forwarder_.upstreams().OnMessage(socket, message, with_.clock.Now(), carriage);
       },
       [this](SocketId socket) { forwarder_.upstreams().OnBroken(socket, with_.clock.Now()); }});
  for (Descriptor& fd : sockets.datagram) {
    if (fd.valid()) {
      datagrams_.push_back(
          std::make_unique<DatagramListener>(std::move(fd), with_.batch, counters_));
    }
  }
  for (Descriptor& fd : sockets.stream) {
    if (fd.valid()) {
      streams_.push_back(std::make_unique<StreamListener>(
          std::move(fd), watch_group_, with_.clock, counters_, connections_, rate_,
          [this](std::span<const uint8_t> message, const ReturnPath& path) {
            if (!settling_) {
              OnChannel();
            }
            return OnPacket(message, path, with_.clock.Now());
          }));
    }
  }
}

ClientDesk::~ClientDesk() {
  if (queue_ != nullptr) {
    queue_->Leave(*this);  // what waits there is dropped when its time is over
  }
}

absl::Status ClientDesk::WatchDatagrams(DatagramListener& listener) {
  auto watch =
      watch_group_.Add(listener.fd(), [this, &listener](Ready) { ReadDatagrams(listener); });
  if (watch.ok()) {
    watches_.push_back(std::move(*watch));
  }
  return watch.status();
}

void ClientDesk::ReadDatagrams(DatagramListener& listener) {
  const BootTime now = with_.clock.Now();
  const size_t left = rate_.Left(now);
  if (left == 0) {
    WantDatagrams(false);
    read_again_ = rate_.NextLook(now);
    return;
  }
  OnChannel();  // what dnspind has said by now counts for what is told now
  if (closed_ || !breach_.ok()) {
    return;
  }
  const size_t taken =
      listener.Read(left, [this, now](std::span<const uint8_t> packet, const ReturnPath& path) {
        if (!TellReady(packet, path, now)) {
          OnPacket(packet, path, now);
        }
      });
  for (size_t i = 0; i < taken; ++i) {
    rate_.Spend(now);
  }
}

void ClientDesk::WantDatagrams(bool want) {
  for (Watch& watch : watches_) {
    watch.WantRead(want);
  }
}

absl::Status ClientDesk::Start() {
  auto watch = watch_group_.Add(channel_.fd(), [this](Ready) { OnChannel(); });
  if (!watch.ok()) {
    return watch.status();
  }
  channel_watch_ = std::move(*watch);
  return absl::OkStatus();
}

// Once there is a policy: what the client asked before waits where it is, and is not thrown away.
absl::Status ClientDesk::Listen() {
  for (const auto& listener : datagrams_) {
    if (auto status = WatchDatagrams(*listener); !status.ok()) {
      return status;
    }
  }
  for (const auto& listener : streams_) {
    if (auto status = listener->Start(); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

void ClientDesk::OnChannel() {
  const absl::Status status = channel_.Read(
      {[this](const PinReply& reply) { forwarder_.OnPinReply(reply, with_.clock.Now()); },
       [this] {
         forwarder_.DoubtPins();
         ready_.Clear();
       },
       [this](const PolicyNotice& notice, const Descriptor& memory) {
         return OnPolicy(notice, memory);
       },
       [this](const QueueNotice& notice, Descriptor queue) {
         return OnQueue(notice, std::move(queue));
       }});
  if (absl::IsOutOfRange(status)) {
    closed_ = true;
    channel_watch_ = Watch();
  } else if (!status.ok()) {
    breach_ = status;
  }
}

// What waits in a queue before it is dropped by who has closed it.
absl::Status ClientDesk::OnQueue(const QueueNotice& notice, Descriptor queue) {
  if (queue_ != nullptr) {
    queue_->Leave(*this);
  }
  auto found = with_.queues.Of(notice.queue, std::move(queue));
  if (!found.ok()) {
    return found.status();
  }
  queue_ = *std::move(found);
  heard_in_ = 0;
  held_.emplace(notice.queue, last_held_, counters_,
                [this](const HeldVerdict& verdict) { channel_.Decide(verdict); });
  held_->SetPlace(addresses_, servers_);
  queue_->Place(*this, addresses_);
  return absl::OkStatus();
}

void ClientDesk::DropHeld(const AnswerQueue& from, uint32_t packet) {
  if (&from == queue_.get()) {
    watch_group_.Touch();
    held_->Drop(packet);
  }
}

bool ClientDesk::TakeHeld(const AnswerQueue& from, const HeldPacket& packet,
                          const QueuedPacket& read) {
  watch_group_.Touch();
  if (std::exchange(heard_in_, from.reads()) != from.reads()) {
    OnChannel();  // what dnspind has said by now counts for what is told now
  }
  if (closed_ || !breach_.ok() || !has_policy_ || &from != queue_.get()) {
    return false;
  }
  const BootTime now = with_.clock.Now();
  held_->Take(
      packet, read,
      [this, now](Question question, const ReturnPath& path, HeldAnswer answer, bool truncated) {
        if (truncated) {
          Send(path, EncodeReply(question, {.truncated = true}, question.udp_octets),
               Ending::kAnswered);
        } else {
          forwarder_.OnHeldAnswer(std::move(question), path, std::move(answer), now);
        }
      });
  return true;
}

absl::Status ClientDesk::OnPolicy(const PolicyNotice& notice, const Descriptor& memory) {
  const auto document = ReadSealedMemory(memory.get(), kPolicyOctetsMax);
  if (!document.ok()) {
    return document.status();
  }
  auto policy = with_.read_policy(*document);
  if (!policy.ok()) {
    return policy.status();
  }
  policy->generation = notice.generation;
  const ClientPlace place{policy->addresses, policy->interface_indexes};
  for (const auto& listener : datagrams_) {
    listener->SetPlace(place);
  }
  for (const auto& listener : streams_) {
    listener->SetPlace(place);
  }
  addresses_ = policy->addresses;
  servers_.clear();
  for (const Upstream& upstream : policy->upstreams) {
    servers_.push_back(upstream.endpoint.address);
  }
  if (held_) {
    held_->SetPlace(addresses_, servers_);
    queue_->Place(*this, addresses_);
  }
  rate_.SetLimits(policy->limits);
  connections_.max = policy->limits.connections;
  forwarder_.SetPolicy(std::move(*policy), with_.clock.Now());
  ready_.Clear();
  return std::exchange(has_policy_, true) ? absl::OkStatus() : Listen();
}

// False if it is to be looked at.
bool ClientDesk::TellReady(std::span<const uint8_t> packet, const ReturnPath& path, BootTime now) {
  auto ready = forwarder_.Assured(now) ? ready_.Find(packet, now) : std::nullopt;
  if (!ready) {
    return false;
  }
  ++counters_.questions;
  ++counters_.cache_hits;
  Send(path, *std::move(ready), Ending::kAnswered);
  return true;
}

// True if an answer to it comes, now or later.
bool ClientDesk::OnPacket(std::span<const uint8_t> packet, const ReturnPath& path, BootTime now) {
  auto result = ReadQuestion(packet);
  if (std::holds_alternative<IgnoredPacket>(result)) {
    Count(Ending::kDropped, counters_);
    return false;
  }
  if (auto* const early = std::get_if<EarlyReply>(&result)) {
    Send(path, std::move(early->bytes), EndingOf(early->rcode));
    return true;
  }
  told_.clear();
  const auto until = forwarder_.OnQuestion(std::move(std::get<Question>(result)), path, now);
  if (until && path.transport == Transport::kUdp && !told_.empty()) {
    ready_.Insert(packet, std::move(told_), now, *until);
  }
  return true;
}

void ClientDesk::Release(const ReturnPath& path, Ending ending) {
  Count(ending, counters_);
  held_->Release(*path.held);
}

void ClientDesk::Send(const ReturnPath& path, std::string message, Ending ending) {
  if (path.held) {
    Count(ending, counters_);
    held_->Replace(*path.held, message);
    return;
  }
  if (path.transport == Transport::kTcp) {
    const BootTime now = with_.clock.Now();
    const bool sent = std::any_of(streams_.begin(), streams_.end(), [&](const auto& listener) {
      return listener->Answer(path.connection, message, ending, now);
    });
    if (!sent) {
      Count(Ending::kDropped, counters_);
    }
    return;
  }
  for (const auto& listener : datagrams_) {
    if (listener->family() == path.local.family()) {
      told_ = message;
      listener->Queue(path, std::move(message), ending);
      return;
    }
  }
  Count(Ending::kDropped, counters_);
}

absl::Status ClientDesk::Settle(BootTime now) {
  forwarder_.Expire(now);
  if (read_again_ && *read_again_ <= now) {
    read_again_.reset();
    WantDatagrams(true);
  }
  settling_ = true;  // what is answered now is written now
  for (const auto& listener : streams_) {
    listener->Settle(now);
  }
  settling_ = false;
  if (channel_.HasRoom()) {
    for (const UpstreamReport& report : forwarder_.upstreams().TakeNews(now)) {
      channel_.Report(report);
    }
  }
  channel_.Settle(now);
  channel_watch_.WantWrite(channel_.WantsWrite());
  for (const auto& listener : datagrams_) {
    listener->Flush();
  }
  return breach_;
}

std::optional<BootTime> ClientDesk::NextDeadline() const {
  std::optional<BootTime> deadline = Earlier(forwarder_.NextDeadline(), channel_.NextDeadline());
  deadline = Earlier(deadline, read_again_);
  if (!channel_.WantsWrite()) {  // else they go when there is room
    deadline = Earlier(deadline, forwarder_.upstreams().NewsDue());
  }
  for (const auto& listener : streams_) {
    deadline = Earlier(deadline, listener->NextDeadline());
  }
  return deadline;
}

}  // namespace dnspin
