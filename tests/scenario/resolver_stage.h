#pragma once
// Knows: a stage for stories about one client's resolver: its forwarder with fake time, network,
// firewall and client, all of them values with memory. Touches nothing.

#include <gtest/gtest.h>

#include <algorithm>
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

#include "config/rule_text.h"
#include "pinning/drop_names.h"
#include "resolver/edns.h"
#include "resolver/forwarder.h"
#include "resolver/wire.h"
#include "tests/unit/dns_bytes.h"

namespace dnspin::stage {

using namespace bytes;  // NOLINT: the vocabulary of the stories
using std::chrono::milliseconds;
using std::chrono::seconds;

inline std::vector<Rule> RulesOf(const std::vector<std::string>& lines) {
  std::vector<Rule> rules;
  for (const std::string& line : lines) {
    static const std::string kFile = "story";
    std::vector<Diagnostic> faults;
    LineReport report(kFile, 1, line, faults);
    auto rule = ReadRule(line, Author::kPeople, report);
    EXPECT_TRUE(rule.has_value()) << line;
    rules.push_back(rule.value_or(Rule{}));
  }
  return rules;
}

// As dnspind has it while it knows no dropped name's addresses.
inline void Close(Policy& policy) {
  policy.closed_from = DropNames().ClosedFrom(policy.rules, policy.addresses);
}

inline Policy PolicyOf(const std::vector<std::string>& lines, uint32_t generation = 1) {
  Policy policy;
  policy.client = "work";
  policy.addresses = {*Address::Parse("10.137.0.25"), *Address::Parse("fd09:24ef:4179::a89:19")};
  policy.generation = generation;
  policy.interface_indexes = {7};
  policy.rules = RulesOf(lines);
  Close(policy);
  policy.intercept = {*Address::Parse("10.139.1.1"), *Address::Parse("10.139.1.2")};
  policy.upstreams = {{*Endpoint::Parse("192.0.2.53"), "eth0"}};
  policy.own = {*Address::Parse("198.51.100.200")};
  return policy;
}

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
                               std::string_view message) override {
    if (unreachable.contains(server.endpoint.Text())) {
      return std::nullopt;
    }
    auto question = ReadQuestion(Octets(message));
    EXPECT_TRUE(std::holds_alternative<Question>(question)) << "what leaves is no sound question";
    const SocketId id{++last_id_};
    open.insert(id);
    sent.push_back({id, server, transport, std::get<Question>(std::move(question)), now_});
    return id;
  }
  void Close(SocketId socket) override {
    EXPECT_EQ(open.erase(socket), 1U) << "closed twice, or never open";
  }

  std::vector<Sent> sent;
  std::set<SocketId> open;
  std::set<std::string> unreachable;  // by endpoint

 private:
  const BootTime& now_;
  uint64_t last_id_ = 0;
};

class FakeFirewall final : public DistantFirewall {
 public:
  void Request(const PinRequest& request) override {
    EXPECT_TRUE(DecodeFromReader(Octets(Encode(FromReader(request)))).ok());
    requests.push_back(request);
    sent.emplace_back(request);
  }
  bool Grant(const GrantRequest& request) override {
    EXPECT_TRUE(DecodeFromReader(Octets(Encode(FromReader(request)))).ok());
    grants.push_back(request);
    sent.emplace_back(request);
    return !full;
  }
  bool Drop(const std::vector<DropAddresses>& pieces) override {
    for (const DropAddresses& piece : pieces) {
      EXPECT_TRUE(DecodeFromReader(Octets(Encode(FromReader(piece)))).ok());
      dropped.push_back(piece);
    }
    return true;
  }
  void Report(const RefusalReport& report) override { reports.push_back(report); }

  std::vector<PinRequest> requests;  // all that ever came
  std::vector<GrantRequest> grants;
  std::deque<FromReader> sent;  // both, in order; for who takes them
  bool full = false;            // no grant can be sent
  size_t taken = 0;             // so many of them were replied to
  std::vector<DropAddresses> dropped;
  std::vector<RefusalReport> reports;
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

  std::vector<std::string> Addresses() const {
    std::vector<std::string> addresses;
    for (const Record& record : answer.answer) {
      if (record.type == dns::kA || record.type == dns::kAaaa) {
        addresses.push_back(Address::FromBytes(Octets(record.rdata))->Text());
      }
    }
    return addresses;
  }
};

class FakeClient final : public ReplySink {
 public:
  FakeClient(const BootTime& now, CountersReport& counters) : now_(now), counters_(counters) {}

  void Send(const ReturnPath& path, std::string message, Ending ending) override {
    Count(ending, counters_);
    const auto header = ReadReplyHeader(Octets(message));
    const auto answer = ReadAnswer(Octets(message));
    ASSERT_TRUE(header && answer.ok()) << "what the client gets is no sound reply";
    Heard one{*answer, header->truncated, message.size(), std::nullopt, header->asked_wire, path,
              now_};
    for (uint16_t code = 0; code < 30; ++code) {
      for (const bool dnssec_ok : {false, true}) {
        dnspin::Opt opt;
        opt.dnssec_ok = dnssec_ok;
        if (message.ends_with(EncodeOpt(opt, code))) {
          one.ede = code;
        }
      }
    }
    heard[header->id].push_back(std::move(one));
  }

  std::map<uint16_t, std::vector<Heard>> heard;  // by ID

 private:
  const BootTime& now_;
  CountersReport& counters_;
};

inline std::string Record4(std::string_view owner, uint8_t last, uint32_t ttl = 300) {
  return ARecord(N(owner), dns::kA, V4(203, 0, 113, last), ttl);
}
inline std::string RecordOf(std::string_view owner, std::string_view address, uint32_t ttl = 300) {
  const auto parsed = Address::Parse(address);
  const auto octets = parsed->bytes();
  return ARecord(N(owner), parsed->family() == Family::kIpv4 ? dns::kA : dns::kAaaa,
                 {reinterpret_cast<const char*>(octets.data()), octets.size()}, ttl);
}
inline std::string AliasOf(std::string_view owner, std::string_view target, uint32_t ttl = 300) {
  return ARecord(N(owner), dns::kCname, N(target), ttl);
}
inline std::string SoaOf(std::string_view owner, uint32_t ttl, uint32_t minimum) {
  return ARecord(
      N(owner), dns::kSoa,
      N("ns.invalid") + N("root.invalid") + U32(1) + U32(2) + U32(3) + U32(4) + U32(minimum), ttl);
}

struct Stage {
  explicit Stage(const std::vector<std::string>& rules, OpenQuestions* shared = nullptr)
      : policy(PolicyOf(rules)), all_open(shared != nullptr ? *shared : own_open) {
    forwarder.SetPolicy(policy, now);
  }

  // Asks, and gives the ID that the answer will be heard under.
  uint16_t Ask(std::string_view name, uint16_t type = dns::kA,
               const std::function<void(Question&, ReturnPath&)>& change = nullptr) {
    Question question;
    question.id = ++last_id;
    question.recursion_desired = true;
    question.asked_wire = N(name);
    question.asked = *Name::FromWire(question.asked_wire);
    question.type = type;
    question.edns = true;
    question.udp_octets = 1232;
    ReturnPath path;
    path.client = *Endpoint::Parse("10.137.0.25:40000");
    if (change) {
      change(question, path);
    }
    forwarder.OnQuestion(std::move(question), path, now);
    return last_id;
  }

  // The reply to `sent` that a server makes of `message`; ID and question are those asked.
  static std::string ReplyTo(const Sent& sent, Message message) {
    message.id = sent.question.id;
    message.asked = sent.question.asked_wire;
    message.type = sent.question.type;
    return message.Wire();
  }
  const Sent& LastSent() const { return network.sent.back(); }
  // What does not fit a datagram comes over TCP, after a truncated one.
  void UpstreamSays(const Message& message) {
    if (LastSent().transport == Transport::kUdp &&
        ReplyTo(LastSent(), message).size() > kUdpOctets) {
      Arrives(LastSent(), ReplyTo(LastSent(), {.flags = 0x8380}));
    }
    Arrives(LastSent(), ReplyTo(LastSent(), message));
  }
  void Arrives(const Sent& sent, const std::string& octets, Carriage carriage = Carriage::kWhole) {
    if (network.open.contains(sent.socket)) {
      forwarder.upstreams().OnMessage(sent.socket, Octets(octets), now, carriage);
    }
  }
  void Breaks(const Sent& sent) { forwarder.upstreams().OnBroken(sent.socket, now); }

  // Replies to the oldest request that has none; to all of them.
  void FirewallSays(PinOutcome outcome) {
    ASSERT_LT(firewall.taken, firewall.requests.size()) << "nothing was asked of the firewall";
    forwarder.OnPinReply({firewall.requests[firewall.taken++].ticket, outcome}, now);
  }
  void FirewallDoesAll() {
    while (firewall.taken < firewall.requests.size()) {
      FirewallSays(PinOutcome::kDone);
    }
  }

  // Time passes, with everything that falls due on the way.
  void Pass(BootClock::duration time) {
    const BootTime until = now + time;
    for (auto next = forwarder.NextDeadline(); next && *next <= until;
         next = forwarder.NextDeadline()) {
      now = std::max(now, *next);
      forwarder.Expire(now);
    }
    now = until;
  }

  bool HasHeard(uint16_t id) const { return client.heard.contains(id); }
  // The one reply to `id`.
  Heard HeardOf(uint16_t id) const {
    const auto found = client.heard.find(id);
    EXPECT_TRUE(found != client.heard.end()) << "no answer yet";
    if (found == client.heard.end()) {
      return {};
    }
    EXPECT_EQ(found->second.size(), 1U) << "answered more than once";
    return found->second.front();
  }

  // How every story ends.
  void NothingIsLeft() const {
    EXPECT_TRUE(forwarder.Idle()) << "something is held or in flight";
    EXPECT_TRUE(network.open.empty()) << "sockets are open";
    EXPECT_EQ(counters.answers_released_unpinned, 0U);
    EXPECT_EQ(counters.questions, counters.answered + counters.refused + counters.failed);
  }

  BootTime now{seconds(1000)};
  uint16_t last_id = 0;
  Policy policy;
  SteadyRandom random{1};
  FakeNetwork network{now};
  FakeFirewall firewall;
  CountersReport counters;
  FakeClient client{now, counters};
  OpenQuestions own_open{kQuestionsOpenMaxAll};
  OpenQuestions& all_open;
  StandingQuestions standing;
  Forwarder forwarder{{network, random, firewall, client, counters, all_open, standing}};
};

}  // namespace dnspin::stage
