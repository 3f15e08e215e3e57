#pragma once
// Knows: a client's TCP connections: how many there may be, and which is still worth keeping.
// Touches: the listening socket it was handed, and what it accepts.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "io/descriptor.h"
#include "io/reactor.h"
#include "pinning/channel_message.h"
#include "pinning/clock.h"
#include "pinning/policy.h"
#include "resolver/listener.h"
#include "resolver/question_rate.h"
#include "resolver/stream_connection.h"

namespace dnspin {

// What becomes of a message: an answer comes later by its path, or never.
using TakeMessage = std::function<bool(std::span<const uint8_t> message, const ReturnPath& path)>;

// Of one client, by all its listeners together.
struct ConnectionCount {
  size_t open = 0;
  size_t max = Limits().connections;
};

class StreamListener {
 public:
  // All references outlive it. `take` may answer at once.
  StreamListener(Descriptor fd, WatchGroup& watches, Clock& clock, CountersReport& counters,
                 ConnectionCount& count, QuestionRate& rate, TakeMessage take);

  absl::Status Start();
  void SetPlace(const ClientPlace& place);  // connections from elsewhere end

  // False if the connection is not one of these, or has gone.
  bool Answer(uint64_t connection, const std::string& message, Ending ending, BootTime now);
  // Sends what was queued, takes what could not be taken before, ends what is over.
  void Settle(BootTime now);
  std::optional<BootTime> NextDeadline() const;
  size_t size() const { return connections_.size(); }

 private:
  struct Entry {
    StreamConnection connection;
    Watch watch;  // ends before its connection's descriptor does
    bool changed = false;
    bool waits = false;  // there is a question to take, but the client asks too fast
  };

  void Accept(BootTime now);
  void AcceptLater(BootTime when);
  void Add(Descriptor fd, const Endpoint& client, BootTime now);
  void CountNotTaken();
  void OnReady(uint64_t id, Ready ready);
  void TakeMessages(Entry& entry, BootTime now);

  Descriptor fd_;
  WatchGroup& watches_;
  Clock& clock_;
  CountersReport& counters_;
  ConnectionCount& count_;
  QuestionRate& rate_;
  TakeMessage take_;
  ClientPlace place_;
  std::map<uint64_t, Entry> connections_;
  std::optional<BootTime> accept_again_;  // set while there are no descriptors, or no rate, left
  std::optional<BootTime> take_again_;    // set while a connection waits
  Watch watch_;
};

}  // namespace dnspin
