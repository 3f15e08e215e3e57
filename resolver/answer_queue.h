#pragma once
// Knows: one NFQUEUE queue, where answers to one client wait, or to all clients of a shared reader,
// and whose each of them is. Touches: the queue's socket, which can only be read.

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "io/descriptor.h"
#include "io/reactor.h"
#include "resolver/held_packet.h"
#include "resolver/queued_packet.h"

namespace dnspin {

class AnswerQueue : public std::enable_shared_from_this<AnswerQueue> {
 public:
  // A datagram of the queue: the largest answer that is judged, and what the kernel says of it.
  static constexpr size_t kDatagramOctets = 4608;
  static constexpr size_t kDatagrams = 32;  // of one read

  // A client whose answers wait here.
  class Taker {
   public:
    // A packet to one of its addresses. False if it can decide on none any more.
    virtual bool TakeHeld(const AnswerQueue& from, const HeldPacket& packet,
                          const QueuedPacket& read) = 0;
    // Whoever's it was, it goes nowhere.
    virtual void DropHeld(const AnswerQueue& from, uint32_t packet) = 0;
    // The kernel has dropped some: they came faster than they were read.
    virtual void OnOverrun() = 0;

   protected:
    ~Taker() = default;
  };

  AnswerQueue(uint16_t number, Descriptor socket) : number_(number), socket_(std::move(socket)) {}

  uint16_t number() const { return number_; }
  uint64_t reads() const { return reads_; }  // how often it was read

  // Who comes later has an address that two have. Leaves before it ends.
  void Place(Taker& taker, std::span<const Address> addresses);
  void Leave(const Taker& taker);

  // What waits now, at most kDatagrams. What is nobody's goes nowhere.
  void Read();
  void Drop(uint32_t packet);

 private:
  friend class AnswerQueues;
  void Hand(const HeldPacket& packet);

  const uint16_t number_;
  const Descriptor socket_;
  uint64_t reads_ = 0;
  std::vector<Taker*> takers_;
  absl::flat_hash_map<Address, Taker*> by_address_;
  Watch watch_;
};

// The queues of a process, each once: its clients are handed duplicates of one socket.
class AnswerQueues {
 public:
  explicit AnswerQueues(Reactor& reactor) : reactor_(reactor) {}  // which outlives it

  // As long as somebody has it, it is read whenever something waits there.
  absl::StatusOr<std::shared_ptr<AnswerQueue>> Of(uint16_t number, Descriptor socket);

 private:
  Reactor& reactor_;
  std::map<uint64_t, std::weak_ptr<AnswerQueue>> by_socket_;  // SO_COOKIE: never given again
};

}  // namespace dnspin
