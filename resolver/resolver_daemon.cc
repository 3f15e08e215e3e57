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
    breach_ = TakeClient(std::move(**packet));
  }
}

absl::Status ResolverDaemon::TakeClient(Packet packet) {
  const auto message = DecodeServeClient(AsOctets(packet.bytes));
  if (packet.truncated || !message) {
    return Breach("a malformed message");
  }
  ClientSockets sockets;
  auto next = packet.descriptors.begin();
  const std::array places = {&sockets.datagram[0], &sockets.datagram[1], &sockets.stream[0],
                             &sockets.stream[1]};
  for (size_t i = 0; i < places.size(); ++i) {
    if ((message->sockets >> i & 1) != 0 && next != packet.descriptors.end()) {
      *places[i] = std::move(*next++);
    }
  }
  const auto wanted = static_cast<size_t>(__builtin_popcount(message->sockets)) + 1;
  if (packet.descriptors.size() != wanted) {
    return Breach("descriptors that do not fit their message");
  }
  sockets.channel = std::move(*next);
  auto desk = std::make_unique<ClientDesk>(
      ClientDesk::Surroundings{*reactor_, clock_, random_, *batch_, open_, standing_, read_policy_},
      std::move(sockets));
  if (auto status = desk->Start(); !status.ok()) {
    return status;
  }
  desks_.insert_or_assign(message->client, std::move(desk));
  return absl::OkStatus();
}

std::optional<BootTime> ResolverDaemon::NextDeadline() const {
  std::optional<BootTime> earliest;
  for (const auto& [client, desk] : desks_) {
    if (const auto deadline = desk->NextDeadline()) {
      earliest = std::min(earliest.value_or(*deadline), *deadline);
    }
  }
  return earliest;
}

absl::Status ResolverDaemon::RunOneTurn() {
  if (auto status = reactor_->Turn(clock_.Now(), NextDeadline()); !status.ok()) {
    return status;
  }
  if (!breach_.ok()) {
    return breach_;
  }
  const BootTime now = clock_.Now();
  for (const auto& [client, desk] : desks_) {
    if (auto status = desk->Settle(now); !status.ok()) {
      return status;
    }
  }
  absl::erase_if(desks_, [](const auto& entry) { return entry.second->Closed(); });
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
