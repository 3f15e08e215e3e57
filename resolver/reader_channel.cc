#include "resolver/reader_channel.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "io/packet_pair.h"
#include "resolver/octets.h"

namespace dnspin {
namespace {

constexpr int kMessagesPerTurn = 256;
constexpr size_t kQueueMax = 2 * kRequestsOpenMax;
constexpr std::chrono::seconds kCountersEvery{1};

absl::Status Breach(std::string_view what) {
  return absl::InvalidArgumentError("dnspind: " + std::string(what));
}

}  // namespace

absl::Status ReaderChannel::Read(const Events& events) {
  for (int i = 0; i < kMessagesPerTurn; ++i) {
    auto packet = ReceivePacket(fd_.get(), kMessageOctetsMax, 1);
    if (!packet.ok()) {
      return absl::OutOfRangeError("closed");
    }
    if (!packet->has_value()) {
      break;
    }
    if ((*packet)->truncated) {
      return Breach("a message that is too long, or brings too much");
    }
    const auto message = DecodeToReader(AsOctets((*packet)->bytes));
    if (!message.ok()) {
      return Breach(std::string(message.status().message()));
    }
    auto& descriptors = (*packet)->descriptors;
    if (const auto* const reply = std::get_if<PinReply>(&*message)) {
      events.pin_reply(*reply);
    } else if (std::holds_alternative<PinsInDoubt>(*message)) {
      events.pins_in_doubt();
    } else if (descriptors.size() != 1) {
      return Breach("a policy notice without its policy");
    } else if (auto status =
                   events.policy(std::get<PolicyNotice>(*message), std::move(descriptors.front()));
               !status.ok()) {
      return Breach(std::string(status.message()));
    }
  }
  return absl::OkStatus();
}

bool ReaderChannel::SendNow(const std::string& message) {
  // Whatever else is wrong with the channel, reading it will tell.
  return !absl::IsUnavailable(SendPacket(fd_.get(), message));
}

void ReaderChannel::SendInOrder(std::string message) {
  if (!queue_.empty() || !SendNow(message)) {
    queue_.push_back(std::move(message));
  }
}

void ReaderChannel::Request(const PinRequest& request) { SendInOrder(Encode(FromReader(request))); }

bool ReaderChannel::Grant(const GrantRequest& request) {
  if (queue_.size() >= kQueueMax) {
    return false;
  }
  SendInOrder(Encode(FromReader(request)));
  return true;
}

bool ReaderChannel::Drop(const std::vector<DropAddresses>& pieces) {
  if (queue_.size() >= kQueueMax) {
    return false;
  }
  for (const DropAddresses& piece : pieces) {
    queue_.push_back(Encode(FromReader(piece)));
  }
  return true;
}

void ReaderChannel::Report(const RefusalReport& report) {
  if (reports_left_ >= 1 && queue_.size() < kQueueMax) {
    reports_left_ -= 1;
    queue_.push_back(Encode(FromReader(report)));  // never before a request
  } else {
    ++counters_.reports_left_out;
  }
}

void ReaderChannel::Settle(BootTime now) {
  using Seconds = std::chrono::duration<double>;
  reports_left_ = std::min(kReportsBurst,
                           reports_left_ + kReportsPerSecond * Seconds(now - budget_at_).count());
  budget_at_ = now;
  while (!queue_.empty() && SendNow(queue_.front())) {
    queue_.pop_front();
  }
  const auto deadline = NextDeadline();
  if (deadline && *deadline <= now && queue_.empty() && SendNow(Encode(FromReader(counters_)))) {
    told_ = counters_;
    counters_told_ = now;
  }
}

std::optional<BootTime> ReaderChannel::NextDeadline() const {
  if (told_ == counters_) {
    return std::nullopt;
  }
  return counters_told_ ? *counters_told_ + kCountersEvery : BootTime{};
}

}  // namespace dnspin
