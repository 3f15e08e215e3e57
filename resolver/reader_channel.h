#pragma once
// Knows: one client's channel to dnspind: requests and reports out, replies and policies in.
// Touches: that socket.

#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "io/descriptor.h"
#include "pinning/channel_message.h"
#include "pinning/clock.h"
#include "pinning/token_bucket.h"
#include "resolver/distant_firewall.h"

namespace dnspin {

class ReaderChannel final : public DistantFirewall {
 public:
  static constexpr double kRefusalsPerSecond = 50;  // of names that were not told lately
  static constexpr double kRefusalsBurst = 500;     // a page, and all that it tries to load
  static constexpr double kRepeatsPerSecond = 20;
  static constexpr double kRepeatsBurst = 50;
  static constexpr std::chrono::seconds kLately{10};
  static constexpr size_t kLatelyMax = 1024;  // names
  static constexpr double kAnswersPerSecond = 50;
  static constexpr double kAnswersBurst = 500;  // a page, and all that it loads

  struct Events {
    std::function<void(const PinReply&)> pin_reply;
    std::function<void()> pins_in_doubt;
    // The sealed memory that came along.
    std::function<absl::Status(const PolicyNotice&, const Descriptor& memory)> policy;
    std::function<absl::Status(const QueueNotice&, Descriptor queue)> queue;
  };

  ReaderChannel(Descriptor fd, CountersReport& counters)  // which outlives it
      : fd_(std::move(fd)), counters_(counters) {}

  int fd() const { return fd_.get(); }

  // kOutOfRange once dnspind has closed it; any other error is a breach of protocol.
  absl::Status Read(const Events& events);

  void Request(const PinRequest& request) override;
  bool Grant(const GrantRequest& request) override;
  bool Drop(const std::vector<DropAddresses>& pieces) override;
  void Report(const RefusalReport& report) override;
  void Report(const AnswerReport& report) override;
  void Report(const UpstreamReport& report);  // where there is room
  bool HasRoom() const;
  void Decide(const HeldVerdict& verdict);  // as many as packets are held

  // The end of a turn: sends what was said in it, and the counters if it is time.
  void Settle(BootTime now);
  std::optional<BootTime> NextDeadline() const;  // when the counters are to be told
  bool WantsWrite() const { return !queue_.empty(); }

 private:
  static absl::Status Hear(std::span<const uint8_t> octets, std::vector<Descriptor>& descriptors,
                           const Events& events);
  bool IsRepeated(const Name& asked);

  Descriptor fd_;
  CountersReport& counters_;
  CountersReport told_;
  std::optional<BootTime> counters_told_;
  // Packets. Bounded: requests by kRequestsOpenMax, and nothing else joins a long queue.
  std::deque<std::string> queue_;
  // A program that asks for one name over and over must not use up what the others are told by.
  TokenBucket refusals_{kRefusalsBurst, kRefusalsPerSecond};
  TokenBucket repeats_{kRepeatsBurst, kRepeatsPerSecond};
  absl::flat_hash_set<size_t> refused_lately_;  // hashes of names
  BootTime lately_began_;
  TokenBucket answers_{kAnswersBurst, kAnswersPerSecond};
  BootTime turn_;  // when the last one was over
};

}  // namespace dnspin
