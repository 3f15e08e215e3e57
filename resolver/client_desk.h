#pragma once
// Knows: all that serves one client, wired together: its sockets, its channel to dnspind and its
// forwarder. Nothing in it is shared with another client but limits, and the queue of a shared
// reader. Touches: the descriptors it was handed.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/descriptor.h"
#include "io/reactor.h"
#include "pinning/clock.h"
#include "pinning/policy.h"
#include "pinning/service_message.h"
#include "resolver/answer_queue.h"
#include "resolver/forwarder.h"
#include "resolver/held_answers.h"
#include "resolver/listener.h"
#include "resolver/question_rate.h"
#include "resolver/reader_channel.h"
#include "resolver/ready_answers.h"
#include "resolver/stream_listener.h"
#include "resolver/upstream_network.h"

namespace dnspin {

using ReadPolicy = std::function<absl::StatusOr<Policy>(std::string_view document)>;

// The sockets of a ServeClient message; those that do not exist are not valid.
struct ClientSockets {
  std::array<Descriptor, 2> datagram;
  std::array<Descriptor, 2> stream;
  Descriptor channel;
};

class ClientDesk final : public ReplySink, public AnswerQueue::Taker {
 public:
  struct Surroundings {  // all outlive it
    Reactor& reactor;
    Clock& clock;
    RandomSource& random;
    DatagramBatch& batch;
    OpenQuestions& all_open;
    StandingQuestions& standing;
    Assurance& assurance;
    AnswerQueues& queues;
    const ReadPolicy& read_policy;
  };

  // Its watches are of group `client`.
  ClientDesk(uint32_t client, const Surroundings& surroundings, ClientSockets sockets);
  ClientDesk(const ClientDesk&) = delete;
  ClientDesk& operator=(const ClientDesk&) = delete;
  ~ClientDesk();
  absl::Status Start();

  // The end of a turn in which one of its watches was called, or NextDeadline() came: what is due,
  // and what is to be sent. An error is dnspind's breach of protocol.
  absl::Status Settle(BootTime now);
  std::optional<BootTime> NextDeadline() const;
  bool Closed() const { return closed_; }  // dnspind has closed its channel

 private:
  void Send(const ReturnPath& path, std::string message, Ending ending) override;
  void Release(const ReturnPath& path, Ending ending) override;
  bool OnPacket(std::span<const uint8_t> packet, const ReturnPath& path, BootTime now);
  bool TellReady(std::span<const uint8_t> packet, const ReturnPath& path, BootTime now);
  absl::Status OnPolicy(const PolicyNotice& notice, const Descriptor& memory);
  absl::Status OnQueue(const QueueNotice& notice, Descriptor queue);
  bool TakeHeld(const AnswerQueue& from, const HeldPacket& packet,
                const QueuedPacket& read) override;
  void DropHeld(const AnswerQueue& from, uint32_t packet) override;
  void OnOverrun() override { ++counters_.held_overruns; }
  void OnChannel();
  absl::Status Listen();
  absl::Status WatchDatagrams(DatagramListener& listener);
  void ReadDatagrams(DatagramListener& listener);
  void WantDatagrams(bool want);

  Surroundings with_;
  WatchGroup watch_group_;
  CountersReport counters_;
  ReaderChannel channel_;
  UpstreamNetwork network_;
  QuestionRate rate_;
  ConnectionCount connections_;
  std::vector<std::unique_ptr<DatagramListener>> datagrams_;
  std::vector<std::unique_ptr<StreamListener>> streams_;
  std::shared_ptr<AnswerQueue> queue_;  // where answers of others are held; null: nowhere
  std::optional<HeldAnswers> held_;     // of `queue_`
  uint64_t heard_in_ = 0;               // the queue's read before which dnspind was listened to
  Forwarder forwarder_;
  ReadyAnswers ready_;
  std::string told_;                // what was sent last over UDP while a packet was looked at
  std::vector<Address> addresses_;  // the client's
  std::vector<Address> servers_;    // its own, where their answers are held
  uint64_t last_held_ = 0;
  bool has_policy_ = false;
  bool settling_ = false;
  bool closed_ = false;
  absl::Status breach_;
  std::vector<Watch> watches_;          // of `datagrams_`; end before what they watch
  std::optional<BootTime> read_again_;  // set while the client asks too fast
  Watch channel_watch_;
};

}  // namespace dnspin
