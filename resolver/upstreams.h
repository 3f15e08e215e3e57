#pragma once
// Knows: how one client's questions are put to its upstream servers: random ID, port and spelling,
// what counts as an answer, when to ask again, whom, and by which transport. One question in, one
// result out. Touches: sockets, through UpstreamSockets.

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "pinning/channel_message.h"
#include "pinning/clock.h"
#include "pinning/permission.h"
#include "pinning/policy.h"
#include "resolver/inquiry.h"
#include "resolver/random.h"
#include "resolver/server_list.h"

namespace dnspin {

enum class SocketId : uint64_t {};
enum class InquiryId : uint64_t {};

// A datagram in fragments: whoever guesses at the IP layer's 16 bits can put a piece of his own
// behind a genuine first one.
enum class Carriage : uint8_t { kWhole, kInFragments };

// The network, as the core sees it. What a socket brings is told by Upstreams::OnMessage and
// OnBroken, never from inside these calls.
class UpstreamSockets {
 public:
  virtual ~UpstreamSockets() = default;
  // Sends `message` by a fresh socket, connected to `server` alone, of a random port of its own.
  // Nothing if that cannot be.
  virtual std::optional<SocketId> Send(const Upstream& server, Transport transport,
                                       std::string_view message) = 0;
  virtual void Close(SocketId socket) = 0;
};

class Upstreams {
 public:
  using Finished = std::function<void(const Inquiry&, UpstreamResult, BootTime now)>;

  // All outlive it. `finished` is never called from inside Ask or Cancel.
  Upstreams(UpstreamSockets& sockets, RandomSource& random, CountersReport& counters,
            Finished finished);
  ~Upstreams();
  Upstreams(const Upstreams&) = delete;
  Upstreams& operator=(const Upstreams&) = delete;

  void SetServers(std::span<const Upstream> servers) { servers_.Set(servers); }

  // How they fare, for who wants to see it (ServerList).
  std::vector<UpstreamReport> TakeNews(BootTime now) { return servers_.TakeNews(now); }
  std::optional<BootTime> NewsDue() const { return servers_.NewsDue(); }

  InquiryId Ask(const Inquiry& inquiry, BootTime deadline, BootTime now);
  void Cancel(InquiryId id);

  void OnMessage(SocketId socket, std::span<const uint8_t> message, BootTime now,
                 Carriage carriage = Carriage::kWhole);
  // A stream ended or never began, or an ICMP error came for a datagram.
  void OnBroken(SocketId socket, BootTime now);

  void Expire(BootTime now);
  std::optional<BootTime> NextDeadline() const;
  bool Idle() const { return pending_.empty() && by_socket_.empty(); }

 private:
  struct Attempt {
    SocketId socket{};
    uint32_t server = 0;
    Transport transport = Transport::kUdp;
    uint16_t id = 0;
    std::string spelled;  // the name, as this attempt wrote it
    bool edns = true;
    BootTime sent;
  };
  struct Pending {
    Inquiry inquiry;
    // A probe is sent to one server besides this inquiry. Nobody waits for it, but its answer is as
    // good as the other's.
    std::optional<InquiryId> probe_beside;
    std::vector<Attempt> attempts;  // whose sockets are open
    std::vector<uint32_t> tried;
    unsigned datagrams = 0;
    unsigned streams = 0;
    unsigned forgeries = 0;
    bool refused_by_network = false;
    std::optional<UpstreamResult> poor;  // told if nothing better comes
    BootTime deadline;
    BootTime next;  // when something is to be done: another attempt, or the end
  };
  enum class Likeness { kSame, kCaseOnly, kOther };

  InquiryId Open(Pending pending);
  void Measure(InquiryId id, BootTime now);
  Attempt* AttemptOf(SocketId socket, Pending*& pending, InquiryId& id);
  bool Start(InquiryId id, Pending& pending, uint32_t server, Transport transport, bool edns,
             std::string spelled, BootTime now);
  std::string Spelled(const Name& name, const Server& server);
  void AskNext(InquiryId id, Pending& pending, BootTime now);
  void AskNextOrEnd(InquiryId id, Pending& pending, BootTime now);
  void SwitchToStream(InquiryId id, Pending& pending, const Attempt& attempt, BootTime now);
  void OnDatagram(InquiryId id, Pending& pending, const Attempt& attempt,
                  std::span<const uint8_t> message, Carriage carriage, BootTime now);
  void OnStreamMessage(InquiryId id, Pending& pending, const Attempt& attempt,
                       std::span<const uint8_t> message, BootTime now);
  void OnAccepted(InquiryId id, Pending& pending, const Attempt& attempt,
                  std::span<const uint8_t> message, BootTime now);
  void CloseAttempt(Pending& pending, SocketId socket);
  void CloseAll(Pending& pending);
  void Reschedule(InquiryId id, Pending& pending, BootTime next);
  void End(InquiryId id, UpstreamResult result, BootTime now);
  void OnTimer(InquiryId id, Pending& pending, BootTime now);
  static UpstreamResult Last(const Pending& pending);

  UpstreamSockets& sockets_;
  RandomSource& random_;
  CountersReport& counters_;
  Finished finished_;
  ServerList servers_;
  absl::flat_hash_map<InquiryId, Pending> pending_;
  absl::flat_hash_map<SocketId, InquiryId> by_socket_;
  std::set<std::pair<BootTime, InquiryId>> timers_;  // one a pending inquiry
  uint64_t last_id_ = 0;
};

}  // namespace dnspin
