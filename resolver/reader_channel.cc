#include "resolver/reader_channel.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/hash/hash.h"
#include "io/packet_pair.h"
#include "pinning/channel_packet.h"
#include "resolver/octets.h"

namespace dnspin {
namespace {

constexpr int kPacketsPerTurn = 64;
constexpr size_t kQueueMax = 2 * kRequestsOpenMax;
constexpr std::chrono::seconds kCountersEvery{1};

absl::Status Breach(std::string_view what) {
  return absl::InvalidArgumentError("dnspind: " + std::string(what));
}

}  // namespace

absl::Status ReaderChannel::Read(const Events& events) {
  for (int i = 0; i < kPacketsPerTurn; ++i) {
    auto packet = ReceivePacket(fd_.get(), kChannelPacketOctetsMax, 1);
    if (!packet.ok()) {
      return absl::OutOfRangeError("closed");
    }
    if (!packet->has_value()) {
      break;
    }
    if ((*packet)->truncated) {
      return Breach("a message that is too long, or brings too much");
    }
    const auto messages = MessagesIn(AsOctets((*packet)->bytes));
    if (!messages) {
      return Breach("no messages");
    }
    for (const auto message : *messages) {
      if (auto status = Hear(message, (*packet)->descriptors, events); !status.ok()) {
        return status;
      }
    }
  }
  return absl::OkStatus();
}

absl::Status ReaderChannel::Hear(std::span<const uint8_t> octets,
                                 std::vector<Descriptor>& descriptors, const Events& events) {
  const auto message = DecodeToReader(octets);
  if (!message.ok()) {
    return Breach(std::string(message.status().message()));
  }
  if (const auto* const reply = std::get_if<PinReply>(&*message)) {
    events.pin_reply(*reply);
  } else if (std::holds_alternative<PinsInDoubt>(*message)) {
    events.pins_in_doubt();
  } else if (descriptors.size() != 1) {
    return Breach("a notice without its policy or queue");
  } else {
    Descriptor what = std::move(descriptors.front());
    descriptors.clear();
    const auto* const policy = std::get_if<PolicyNotice>(&*message);
    const auto status = policy != nullptr
                            ? events.policy(*policy, what)
                            : events.queue(std::get<QueueNotice>(*message), std::move(what));
    return status.ok() ? status : Breach(std::string(status.message()));
  }
  return absl::OkStatus();
}

void ReaderChannel::Request(const PinRequest& request) {
  AddMessage(queue_, Encode(FromReader(request)));
}

bool ReaderChannel::Grant(const GrantRequest& request) {
  if (!HasRoom()) {
    return false;
  }
  AddMessage(queue_, Encode(FromReader(request)));
  return true;
}

bool ReaderChannel::Drop(const std::vector<DropAddresses>& pieces) {
  if (!HasRoom()) {
    return false;
  }
  for (const DropAddresses& piece : pieces) {
    AddMessage(queue_, Encode(FromReader(piece)));
  }
  return true;
}

bool ReaderChannel::IsRepeated(const Name& asked) {
  if (turn_ - lately_began_ >= kLately || refused_lately_.size() >= kLatelyMax) {
    refused_lately_.clear();
    lately_began_ = turn_;
  }
  return !refused_lately_.insert(absl::HashOf(asked)).second;
}

void ReaderChannel::Report(const RefusalReport& report) {
  TokenBucket& budget = IsRepeated(report.asked) ? repeats_ : refusals_;
  if (HasRoom() && budget.Spend(turn_)) {
    AddMessage(queue_, Encode(FromReader(report)));
  } else {
    ++counters_.reports_left_out;
  }
}

void ReaderChannel::Report(const AnswerReport& report) {
  if (HasRoom() && answers_.Spend(turn_)) {
    AddMessage(queue_, Encode(FromReader(report)));
  }
}

bool ReaderChannel::HasRoom() const { return queue_.size() < kQueueMax; }

void ReaderChannel::Report(const UpstreamReport& report) {
  AddMessage(queue_, Encode(FromReader(report)));
}

void ReaderChannel::Decide(const HeldVerdict& verdict) {
  AddMessage(queue_, Encode(FromReader(verdict)));
}

void ReaderChannel::Settle(BootTime now) {
  turn_ = now;
  // The first one says that there is a reader.
  if ((told_ != counters_ || !counters_told_) && HasRoom() &&
      (!counters_told_ || now - *counters_told_ >= kCountersEvery)) {
    AddMessage(queue_, Encode(FromReader(counters_)));
    told_ = counters_;
    counters_told_ = now;
  }
  // Whatever else is wrong with the channel, reading it will tell.
  while (!queue_.empty() && !absl::IsUnavailable(SendPacket(fd_.get(), queue_.front()))) {
    queue_.pop_front();
  }
}

std::optional<BootTime> ReaderChannel::NextDeadline() const {
  if (told_ == counters_ || !queue_.empty()) {
    return std::nullopt;  // what waits goes when there is room
  }
  return counters_told_ ? *counters_told_ + kCountersEvery : BootTime{};
}

}  // namespace dnspin
