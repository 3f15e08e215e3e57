#include "nft/log_service.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "io/packet_pair.h"
#include "nft/firewall_log.h"
#include "pinning/logged_packet.h"

namespace dnspin {
namespace {

constexpr std::chrono::milliseconds kPauseMax{5000};
constexpr std::chrono::seconds kLongLife{10};
constexpr int kMessagesMax = 32;  // of one turn
constexpr size_t kMessageOctets = kLoggedPacketsMax * kLoggedPacketOctets;

std::span<const uint8_t> OctetsOf(const std::string& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace

absl::Status LogService::Start(BootTime now) {
  auto log = OpenFirewallLog();
  if (!log.ok()) {
    return log.status();
  }
  auto pair = PacketPair();
  if (!pair.ok()) {
    return pair.status();
  }
  const uint32_t reader = next_reader_++;
  const auto pid = launcher_.StartReader(reader);
  if (!pid.ok()) {
    return pid.status();
  }
  reader_ = reader;
  pid_ = *pid;
  started_ = now;
  RefuseDescriptors(pair->first.get());
  if (auto status = launcher_.ServeLog(reader, log->fd(), pair->second); !status.ok()) {
    return status;
  }
  auto watch = reactor_.Add(pair->first.get(), [this](Ready) { readable_ = true; });
  if (!watch.ok()) {
    return watch.status();
  }
  watch_ = *std::move(watch);
  channel_ = std::move(pair->first);
  log_ = *std::move(log);
  return absl::OkStatus();
}

void LogService::End(const std::string& why, BootTime now) {
  if (reader_ != 0) {
    (void)launcher_.KillReader(reader_);
  }
  if (reader_ != 0 && now - started_ >= kLongLife) {
    pause_ = kPauseMin;
  }
  reader_ = 0;
  watch_ = Watch();
  channel_.reset();
  log_.reset();
  readable_ = false;
  start_at_ = now + pause_;
  pause_ = std::min(2 * pause_, kPauseMax);
  Complain(why, now);
}

void LogService::Complain(const std::string& why, BootTime now) {
  if (why != complaint_) {
    complaint_ = why;
    journal_.Say(Priority::kWarning, "the firewall's log is not read: " + why, now);
  }
}

void LogService::Settle(ServedClients& clients, BootTime now) {
  if (!logs_) {
    Complain("this kernel's nft cannot log (CONFIG_NFT_LOG): `blocked` knows refused names alone",
             now);
    return;
  }
  if (reader_ == 0 && start_at_ <= now && !launcher_.lost()) {
    if (const auto status = Start(now); !status.ok()) {
      End(std::string(status.message()), now);
    }
  }
  if (readable_) {
    Take(clients, now);
  }
}

std::optional<BootTime> LogService::NextDeadline() const {
  return logs_ && reader_ == 0 ? std::optional(start_at_) : std::nullopt;
}

void LogService::Take(ServedClients& clients, BootTime now) {
  absl::flat_hash_map<Address, ServedClient*> by_address;
  for (auto& [id, client] : clients) {
    for (const Address& address : client.desired.addresses) {
      by_address[address] = &client;
    }
  }
  for (int taken = 0; taken < kMessagesMax; ++taken) {
    const auto message = ReceivePacket(channel_.get(), kMessageOctets);
    if (!message.ok()) {
      End("its reader has ended", now);
      return;
    }
    if (!message->has_value()) {
      readable_ = false;
      return;
    }
    const auto packets = DecodeLoggedPackets(OctetsOf((*message)->bytes));
    if (!packets || (*message)->truncated) {
      End("its reader says what no honest one does", now);
      return;
    }
    for (const LoggedPacket& packet : *packets) {
      if (!rate_.Spend(now)) {
        End("its reader says more than is logged", now);
        return;
      }
      if (const auto found = by_address.find(packet.source); found != by_address.end()) {
        found->second->packets.Take(packet, now);
      }
    }
  }
}

}  // namespace dnspin
