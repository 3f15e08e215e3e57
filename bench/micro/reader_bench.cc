// What one question costs a reader, without the kernel: of a name that is new, of one from the
// cache, of the same octets again; and the walk through an answer.

#include <benchmark/benchmark.h>

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "bench/micro/heap.h"
#include "bench/micro/large.h"
#include "config/rule_text.h"
#include "pinning/lineage.h"
#include "resolver/forwarder.h"
#include "resolver/header.h"
#include "resolver/ready_answers.h"
#include "resolver/reply.h"
#include "resolver/wire.h"

namespace dnspin::bench {
namespace {

using std::chrono::seconds;

class Counting final : public RandomSource {
 public:
  uint64_t Next() override { return next_ += 0x9E3779B97F4A7C15U; }

 private:
  uint64_t next_ = 0;
};

// Everything around a forwarder: each question that leaves is kept, each pin is there at once.
class Surround final : public UpstreamSockets, public DistantFirewall, public ReplySink {
 public:
  std::optional<SocketId> Send(const Upstream&, Transport, std::string_view message) override {
    asked = message;
    return SocketId{++last};
  }
  void Close(SocketId) override {}
  void Request(const PinRequest& request) override { tickets.push_back(request.ticket); }
  bool Grant(const GrantRequest&) override { return true; }
  bool Drop(const std::vector<DropAddresses>&) override { return true; }
  void Report(const RefusalReport&) override {}
  void Report(const AnswerReport&) override {}
  void Send(const ReturnPath&, std::string message, Ending ending) override {
    told = std::move(message);
    Count(ending, counters);
  }
  void Release(const ReturnPath&, Ending ending) override { Count(ending, counters); }

  CountersReport counters;
  std::string asked, told;
  uint64_t last = 0;
  std::deque<uint64_t> tickets;
};

Rule Listed(const std::string& host) {
  Rule rule;
  rule.action = Action::kAccept;
  rule.host = HostPattern{HostPattern::Kind::kZone, *Name::FromHost(host), {}};
  return rule;
}

struct Reader {
  Reader() {
    Policy policy;
    policy.client = "work";
    policy.addresses = {*Address::Parse("10.137.0.25")};
    policy.rules = {Listed("example.com")};
    policy.closed_from = UINT32_MAX;
    policy.limits.names_per_pattern = UINT32_MAX;
    policy.upstreams = {{*Endpoint::Parse("192.0.2.53"), "eth0"}};
    forwarder.SetPolicy(std::move(policy), now);
  }

  std::string PacketOf(size_t number) const {
    const Name name = *Name::FromHost(fmt::format("n{}.unique.example.com", number));
    return EncodeUpstreamQuestion(static_cast<uint16_t>(number), name.Wire(), dns::kA, false,
                                  false);
  }

  void Ask(const std::string& packet) {
    auto question = ReadQuestion(AsOctets(packet));
    forwarder.OnQuestion(std::get<Question>(std::move(question)), {}, now);
  }

  // What the upstream says to the question that left last, and dnspind to what follows.
  void Answer(uint32_t ttl) {
    const auto question = ReadQuestion(AsOctets(around.asked));
    const auto& asked = std::get<Question>(question);
    answer = around.asked.substr(0, Header::kOctets + asked.asked_wire.size() + 4);
    answer[2] = '\x81';
    answer[3] = '\x80';
    answer[7] = 1;
    answer[11] = 0;
    answer += std::string("\xc0\x0c\0\1\0\1", 6);
    AppendU32(answer, ttl);
    answer += std::string("\0\4\x0c", 3);
    answer += static_cast<char>(around.last >> 16);
    answer += static_cast<char>(around.last >> 8);
    answer += static_cast<char>(around.last);
    forwarder.upstreams().OnMessage(SocketId{around.last}, AsOctets(answer), now);
    while (!around.tickets.empty()) {
      const uint64_t ticket = std::exchange(around.tickets.front(), 0);
      around.tickets.pop_front();
      forwarder.OnPinReply({ticket, PinOutcome::kDone}, now);
    }
  }

  BootTime now{seconds(1000)};
  Surround around;
  Counting random;
  OpenQuestions all_open{kQuestionsOpenMaxAll};
  StandingQuestions standing;
  std::string answer;
  Assurance assurance;
  Forwarder forwarder{
      {around, random, around, around, around.counters, all_open, standing, assurance}};
};

void NewName(benchmark::State& state) {
  Reader reader;
  std::vector<std::string> packets;
  for (size_t i = 0; i < 100'000; ++i) {
    packets.push_back(reader.PacketOf(i));
  }
  size_t next = 0;
  while (state.KeepRunning()) {
    reader.now += std::chrono::milliseconds(20);  // so that each is forgotten when it comes again
    reader.Ask(packets[next++ % packets.size()]);
    reader.Answer(60);
  }
  const CountersReport& counters = reader.around.counters;
  if (counters.answered != counters.questions || counters.cache_hits != 0) {
    state.SkipWithError("not all were asked and told");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(NewName);

void FromTheCache(benchmark::State& state) {
  Reader reader;
  std::vector<std::string> packets;
  for (size_t i = 0; i < 4000; ++i) {
    packets.push_back(reader.PacketOf(i));
  }
  const size_t heap_before = HeapOctets();
  for (const std::string& packet : packets) {
    reader.Ask(packet);
    reader.Answer(300);
  }
  state.counters["octets_each"] =
      static_cast<double>(HeapOctets() - heap_before) / static_cast<double>(packets.size());
  size_t next = 0;
  while (state.KeepRunning()) {
    reader.Ask(packets[next++ % packets.size()]);
  }
  if (reader.around.counters.answered != reader.around.counters.questions ||
      reader.around.counters.upstream_questions != packets.size()) {
    state.SkipWithError("not all came from the cache");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(FromTheCache);

void TheSameOctets(benchmark::State& state) {
  Reader reader;
  ReadyAnswers ready;
  std::vector<std::string> packets;
  for (size_t i = 0; i < 1000; ++i) {
    packets.push_back(reader.PacketOf(i));
    reader.Ask(packets.back());
    reader.Answer(300);
    ready.Insert(AsOctets(packets.back()), reader.around.told, reader.now,
                 reader.now + seconds(75));
  }
  size_t next = 0;
  while (state.KeepRunning()) {
    if (!ready.Find(AsOctets(packets[next++ % packets.size()]), reader.now)) {
      state.SkipWithError("not ready");
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(TheSameOctets);

// So many aliases, and an address behind them.
void LineageWalk(benchmark::State& state) {
  Answer answer;
  answer.type = dns::kA;
  answer.asked = *Name::FromHost("www.example.com");
  Name owner = answer.asked;
  for (int64_t i = 0; i < state.range(0); ++i) {
    const Name target = *Name::FromHost(fmt::format("edge{}.cdn.example.net", i));
    answer.answer.push_back({owner, dns::kCname, dns::kIn, 60, std::string(target.Wire())});
    owner = target;
  }
  answer.answer.push_back({owner, dns::kA, dns::kIn, 60, std::string("\x0c\0\0\1", 4)});
  while (state.KeepRunning()) {
    const auto walked = Walk(answer);
    if (!std::holds_alternative<Lineage>(walked)) {
      state.SkipWithError("no lineage");
    }
  }
}
BENCHMARK(LineageWalk)->ArgName("aliases")->Arg(0)->Arg(3)->Arg(15);

}  // namespace
}  // namespace dnspin::bench
