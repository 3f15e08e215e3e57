#pragma once
// Knows: the turn of a resolver process: whom it serves, and when it is over. One dnspin-resolver
// serves a list of clients: all of them, or one; or it reads the firewall's log. Touches: the
// service socket.

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/descriptor.h"
#include "io/packet_pair.h"
#include "io/reactor.h"
#include "pinning/clock.h"
#include "resolver/answer_queue.h"
#include "resolver/client_desk.h"
#include "resolver/log_desk.h"
#include "resolver/random.h"

namespace dnspin {

class ResolverDaemon {
 public:
  // The references outlive it.
  static absl::StatusOr<std::unique_ptr<ResolverDaemon>> Create(Descriptor service, Clock& clock,
                                                                RandomSource& random,
                                                                ReadPolicy read_policy);

  // Until the service socket is closed. An error is a breach of protocol, or the system's.
  absl::Status Run();

 private:
  ResolverDaemon(Descriptor service, Clock& clock, RandomSource& random, ReadPolicy read_policy,
                 std::unique_ptr<Reactor> reactor);

  absl::Status RunOneTurn();
  void OnService();
  absl::Status TakePacket(Packet packet);
  absl::Status TakeClient(const ServeClient& message, std::vector<Descriptor> descriptors);
  absl::Status TakeLog(std::vector<Descriptor> descriptors);
  std::optional<BootTime> NextDeadline() const;
  std::vector<uint32_t> ToSettle(BootTime now) const;
  absl::Status Settle(uint32_t client, BootTime now);

  Descriptor service_;
  Clock& clock_;
  RandomSource& random_;
  const ReadPolicy read_policy_;
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<DatagramBatch> batch_ = std::make_unique_for_overwrite<DatagramBatch>();
  OpenQuestions open_{kQuestionsOpenMaxAll};
  StandingQuestions standing_;
  Assurance assurance_;
  AnswerQueues queues_{*reactor_};
  struct Served {
    std::unique_ptr<ClientDesk> desk;
    std::optional<BootTime> deadline;  // as it stands in `deadlines_`
  };
  absl::flat_hash_map<uint32_t, Served> served_;
  std::set<std::pair<BootTime, uint32_t>> deadlines_;
  std::unique_ptr<LogDesk> log_;
  Watch service_watch_;
  bool over_ = false;
  absl::Status breach_;
};

}  // namespace dnspin
