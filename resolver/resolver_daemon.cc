#include "resolver/resolver_daemon.h"

#include <algorithm>
#include <utility>

#include "resolver/octets.h"

namespace dnspin {
namespace {

absl::Status Breach(std::string_view what) {
  return absl::InvalidArgumentError("launcher: " + std::string(what));
}

}  // namespace

ResolverDaemon::ResolverDaemon(Descriptor service, Clock& clock, RandomSource& random,
                               ReadPolicy read_policy, std::unique_ptr<Reactor> reactor)
    : service_(std::move(service)),
      clock_(clock),
      random_(random),
      read_policy_(std::move(read_policy)),
      reactor_(std::move(reactor)) {}

absl::StatusOr<std::unique_ptr<ResolverDaemon>> ResolverDaemon::Create(Descriptor service,
                                                                       Clock& clock,
                                                                       RandomSource& random,
                                                                       ReadPolicy read_policy) {
  auto reactor = Reactor::Create();
  if (!reactor.ok()) {
    return reactor.status();
  }
  std::unique_ptr<ResolverDaemon> daemon(new ResolverDaemon(
      std::move(service), clock, random, std::move(read_policy), std::move(*reactor)));
  auto watch = daemon->reactor_->Add(daemon->service_.get(),
                                     [raw = daemon.get()](Ready) { raw->OnService(); });
  if (!watch.ok()) {
    return watch.status();
  }
  daemon->service_watch_ = std::move(*watch);
  return daemon;
}

void ResolverDaemon::OnService() {
  auto packet = ReceivePacket(service_.get(), kServiceMessageOctets, kServiceDescriptorsMax);
  if (!packet.ok()) {
    over_ = true;
  } else if (packet->has_value()) {
    breach_ = TakePacket(std::move(**packet));
  }
}

absl::Status ResolverDaemon::TakePacket(Packet packet) {
  const auto message = DecodeServiceMessage(AsOctets(packet.bytes));
  if (packet.truncated || !message) {
    return Breach("a malformed message");
  }
  const auto* const client = std::get_if<ServeClient>(&*message);
  return client != nullptr ? TakeClient(*client, std::move(packet.descriptors))
                           : TakeLog(std::move(packet.descriptors));
}

absl::Status ResolverDaemon::TakeLog(std::vector<Descriptor> descriptors) {
  if (descriptors.size() != 2) {
    return Breach("descriptors that do not fit their message");
  }
  log_ = std::make_unique<LogDesk>(*reactor_, std::move(descriptors[0]), std::move(descriptors[1]));
  return log_->Start();
}

absl::Status ResolverDaemon::TakeClient(const ServeClient& message,
                                        std::vector<Descriptor> descriptors) {
  ClientSockets sockets;
  auto next = descriptors.begin();
  const std::array places = {&sockets.datagram[0], &sockets.datagram[1], &sockets.stream[0],
                             &sockets.stream[1]};
  for (size_t i = 0; i < places.size(); ++i) {
    if ((message.sockets >> i & 1) != 0 && next != descriptors.end()) {
      *places[i] = std::move(*next++);
    }
  }
  const auto wanted = static_cast<size_t>(__builtin_popcount(message.sockets)) + 1;
  if (descriptors.size() != wanted) {
    return Breach("descriptors that do not fit their message");
  }
  sockets.channel = std::move(*next);
  auto desk = std::make_unique<ClientDesk>(
      message.client,
      ClientDesk::Surroundings{*reactor_, clock_, random_, *batch_, open_, standing_, assurance_,
                               queues_, read_policy_},
      std::move(sockets));
  if (auto status = desk->Start(); !status.ok()) {
    return status;
  }
  served_[message.client].desk = std::move(desk);
  return Settle(message.client, clock_.Now());
}

std::optional<BootTime> ResolverDaemon::NextDeadline() const {
  const auto standing = standing_.NextDeadline();
  if (deadlines_.empty()) {
    return standing;
  }
  return std::min(deadlines_.begin()->first, standing.value_or(BootTime::max()));
}

// Whom this turn concerned: with hundreds of clients it is mostly one.
std::vector<uint32_t> ResolverDaemon::ToSettle(BootTime now) const {
  std::vector<uint32_t> clients = reactor_->groups_called();
  if (standing_.NextDeadline().value_or(BootTime::max()) <= now) {
    for (const auto& [client, served] : served_) {
      clients.push_back(client);  // one of them takes it
    }
  }
  for (auto due = deadlines_.begin(); due != deadlines_.end() && due->first <= now; ++due) {
    clients.push_back(due->second);
  }
  return clients;
}

absl::Status ResolverDaemon::Settle(uint32_t client, BootTime now) {
  const auto found = served_.find(client);
  if (found == served_.end()) {
    return absl::OkStatus();  // it has left in this turn
  }
  auto& [desk, deadline] = found->second;
  const absl::Status status = desk->Settle(now);
  if (deadline) {
    deadlines_.erase({*deadline, client});
  }
  if (desk->Closed()) {
    served_.erase(found);
  } else if (deadline = desk->NextDeadline(); deadline) {
    deadlines_.insert({*deadline, client});
  }
  return status;
}

absl::Status ResolverDaemon::RunOneTurn() {
  if (auto status = reactor_->Turn(clock_.Now(), NextDeadline()); !status.ok()) {
    return status;
  }
  if (!breach_.ok()) {
    return breach_;
  }
  const BootTime now = clock_.Now();
  for (const uint32_t client : ToSettle(now)) {
    if (auto status = Settle(client, now); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status ResolverDaemon::Run() {
  while (!over_) {
    if (auto status = RunOneTurn(); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace dnspin
