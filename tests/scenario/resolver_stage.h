#pragma once
// Knows: a stage for stories about one client's resolver: its forwarder with fake time, network,
// firewall and client, all of them values with memory. Touches nothing.

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/edns.h"
#include "resolver/forwarder.h"
#include "resolver/wire.h"
#include "tests/unit/dns_bytes.h"

namespace dnspin::stage {

using namespace bytes;  // NOLINT: the vocabulary of the stories
using std::chrono::milliseconds;
using std::chrono::seconds;

std::vector<Rule> RulesOf(const std::vector<std::string>& lines);

// As dnspind has it while it knows no dropped name's addresses.
void Close(Policy& policy);

Policy PolicyOf(const std::vector<std::string>& lines, uint32_t generation = 1);

class SteadyRandom final : public RandomSource {  // SplitMix64
 public:
  explicit SteadyRandom(uint64_t seed) : state_(seed) {}
  uint64_t Next() override {
    uint64_t z = state_ += 0x9E3779B97F4A7C15U;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9U;
    z = (z ^ z >> 27) * 0x94D049BB133111EBU;
    return z ^ z >> 31;
  }

 private:
  uint64_t state_;
};

// A question on its way to an upstream.
struct Sent {
  SocketId socket{};
  Upstream server;
  Transport transport = Transport::kUdp;
  Question question;  // as a server reads it
  BootTime at;
};

class FakeNetwork final : public UpstreamSockets {
 public:
  explicit FakeNetwork(const BootTime& now) : now_(now) {}

  std::optional<SocketId> Send(const Upstream& server, Transport transport,
                               std::string_view message) override;
  void Close(SocketId socket) override;

  std::vector<Sent> sent;
  std::set<SocketId> open;
  std::set<std::string> unreachable;  // by endpoint

 private:
  const BootTime& now_;
  uint64_t last_id_ = 0;
};

class FakeFirewall final : public DistantFirewall {
 public:
  void Request(const PinRequest& request) override;
  bool Grant(const GrantRequest& request) override;
  bool Drop(const std::vector<DropAddresses>& pieces) override;
  void Report(const RefusalReport& report) override { reports.push_back(report); }
  void Report(const AnswerReport& report) override { answers.push_back(report); }

  std::vector<PinRequest> requests;  // all that ever came
  std::vector<GrantRequest> grants;
  std::deque<FromReader> sent;  // both, in order; for who takes them
  bool full = false;            // no grant can be sent
  size_t taken = 0;             // so many of them were replied to
  std::vector<DropAddresses> dropped;
  std::vector<RefusalReport> reports;
  std::vector<AnswerReport> answers;
};

// A reply, as the client reads it.
struct Heard {
  Answer answer;
  bool truncated = false;
  size_t octets = 0;
  std::optional<uint16_t> ede;
  std::string spelled;
  ReturnPath path;
  BootTime at;

  std::vector<std::string> Addresses() const;
};

class FakeClient final : public ReplySink {
 public:
  FakeClient(const BootTime& now, CountersReport& counters) : now_(now), counters_(counters) {}

  void Send(const ReturnPath& path, std::string message, Ending ending) override;
  void Release(const ReturnPath& path, Ending ending) override;

  std::vector<uint64_t> released;  // of the answers that were held: what went on as it was
  std::map<uint16_t, std::vector<Heard>> heard;  // by ID

 private:
  const BootTime& now_;
  CountersReport& counters_;
};

std::string Record4(std::string_view owner, uint8_t last, uint32_t ttl = 300);
std::string RecordOf(std::string_view owner, std::string_view address, uint32_t ttl = 300);
std::string AliasOf(std::string_view owner, std::string_view target, uint32_t ttl = 300);
std::string SoaOf(std::string_view owner, uint32_t ttl, uint32_t minimum);

struct Stage {
  explicit Stage(const std::vector<std::string>& rules, OpenQuestions* shared = nullptr);
  ~Stage();

  // Asks, and gives the ID that the answer will be heard under.
  uint16_t Ask(std::string_view name, uint16_t type = dns::kA,
               const std::function<void(Question&, ReturnPath&)>& change = nullptr);

  // The reply to `sent` that a server makes of `message`; ID and question are those asked.
  static std::string ReplyTo(const Sent& sent, Message message);
  const Sent& LastSent() const { return network.sent.back(); }
  // What does not fit a datagram comes over TCP, after a truncated one.
  void UpstreamSays(const Message& message);
  void Arrives(const Sent& sent, const std::string& octets, Carriage carriage = Carriage::kWhole);
  void Breaks(const Sent& sent) { forwarder.upstreams().OnBroken(sent.socket, now); }

  // Replies to the oldest request that has none; to all of them.
  void FirewallSays(PinOutcome outcome);
  void FirewallDoesAll();

  // Time passes, with everything that falls due on the way.
  void Pass(BootClock::duration time);

  bool HasHeard(uint16_t id) const { return client.heard.contains(id); }
  // The one reply to `id`.
  Heard HeardOf(uint16_t id) const;

  // How every story ends.
  void NothingIsLeft() const;

  BootTime now{seconds(1000)};
  uint16_t last_id = 0;
  std::optional<BootTime> repeat_until;  // as the last Ask was told
  Policy policy;
  SteadyRandom random{1};
  FakeNetwork network{now};
  FakeFirewall firewall;
  CountersReport counters;
  FakeClient client{now, counters};
  OpenQuestions own_open{kQuestionsOpenMaxAll};
  OpenQuestions& all_open;
  StandingQuestions standing;
  Assurance assurance;
  Forwarder forwarder{{network, random, firewall, client, counters, all_open, standing, assurance}};
};

}  // namespace dnspin::stage
