#pragma once
// Knows: the answers of other servers to one client, which wait in a queue: what they say, and how
// each goes on: as it is, rewritten, or nowhere. Touches nothing by itself.

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "pinning/channel_message.h"
#include "resolver/held_packet.h"
#include "resolver/question.h"
#include "resolver/queued_packet.h"
#include "resolver/return_path.h"

namespace dnspin {

class HeldAnswers {
 public:
  using Decide = std::function<void(const HeldVerdict&)>;
  // An answer that can be judged: what was asked, by whom of whom, and what was said. One that
  // cannot be read is a failure of that server. `truncated`: it says nothing, and asks for TCP.
  using TakeAnswer = std::function<void(Question question, const ReturnPath& path,
                                        HeldAnswer answer, bool truncated)>;

  // `last` outlives it: our number of the last answer that was held in whatever queue, so that what
  // waited in one before is never taken for what waits here.
  HeldAnswers(uint16_t queue, uint64_t& last, CountersReport& counters, Decide decide)
      : queue_(queue), last_(last), counters_(counters), decide_(std::move(decide)) {}

  // The client's, and those of the servers whose word counts.
  void SetPlace(std::vector<Address> addresses, std::vector<Address> servers) {
    addresses_ = std::move(addresses);
    servers_ = std::move(servers);
  }

  // What is no answer to this client goes nowhere.
  void Take(const HeldPacket& packet, const QueuedPacket& read, const TakeAnswer& take);
  void Drop(uint32_t packet);

  // Each once; afterwards it is not there any more, and neither is one of a queue before.
  void Replace(uint64_t held, std::string_view message);
  void Release(uint64_t held);

 private:
  struct Waiting {
    uint32_t number = 0;  // the kernel's
    std::string packet;
  };

  bool IsForUs(const QueuedPacket& packet) const;
  std::optional<Waiting> TakeOut(uint64_t held);

  uint16_t queue_;
  uint64_t& last_;
  CountersReport& counters_;
  Decide decide_;
  std::vector<Address> addresses_;
  std::vector<Address> servers_;
  absl::flat_hash_map<uint64_t, Waiting> waiting_;  // as many as the queue is long
};

}  // namespace dnspin
