// What a new name costs dnspind, from the reader's message to the reply: 30 clients by turns, each
// with a rule and a set of its own. In a network namespace of this process's own (main.cc).

#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/micro/heap.h"
#include "bench/micro/large.h"
#include "io/packet_pair.h"
#include "nft/firewall.h"
#include "nft/pin_service.h"
#include "nft/set_writer.h"
#include "pinning/channel_packet.h"

namespace dnspin::bench {
namespace {

constexpr size_t kClients = 30;
constexpr const char* kTable = "dnspin";

class SteadyClock final : public Clock {
 public:
  BootTime Now() override { return now_ += std::chrono::microseconds(10); }
  int64_t WallSeconds() override { return 0; }

 private:
  BootTime now_{std::chrono::hours(1)};
};

class WillingPinner final : public Pinner {
 public:
  CommitResult Commit(std::span<const PinElement>) override { return {}; }
};

class Service {
 public:
  explicit Service(Pinner& pinner) : pins_(pinner, journal_, clock_) {
    const LargeConfiguration large(kClients, 1);
    const LoadResult loaded = Load(large.files());
    for (const ClientConfig& config : loaded.configuration->clients) {
      const auto id = static_cast<ClientId>(clients_.size() + 1);
      ServedClient& client = clients_[id];
      client.id = id;
      client.desired.name = config.name;
      client.desired.addresses = client.policy.addresses = config.addresses;
      client.policy.rules = {config.rules};
      client.policy.rules.Own()[0].host->kind = HostPattern::Kind::kZone;
      client.policy.terms.per_client = client.policy.terms.per_name = 10'000'000;
      client.policy.generation = 1;
      client.permissions = std::make_shared<Permissions>(client.policy);
      client.groups = GroupsOf(client.policy.rules, {});
      client.ledger.SetTerms(client.policy.terms);
      client.requests = TokenBucket(1e9, 1e9);
      auto pair = *PacketPair();
      client.channel = std::move(pair.first);
      readers_.push_back(std::move(pair.second));
    }
  }

  // The next client's reader asks for the next name.
  void Ask() {
    const uint32_t number = next_++;
    const Policy& policy = clients_.begin()->second.policy;
    const HostPattern& host = *policy.rules[0].host;
    const uint32_t address = (100U << 24) + number;
    const PinRequest request{
        number,
        1,
        60,
        *Name::FromHost(fmt::format("u{:08x}.{}", number * 2654435761U, host.name.Text())),
        host.Text(),
        {*Address::FromBytes(std::array<uint8_t, 4>{
            static_cast<uint8_t>(address >> 24), static_cast<uint8_t>(address >> 16),
            static_cast<uint8_t>(address >> 8), static_cast<uint8_t>(address)})}};
    const std::string bytes = PacketOf(Encode(FromReader(request)));
    SendPacket(readers_[number % kClients].get(), bytes).IgnoreError();
    std::next(clients_.begin(), number % kClients)->second.readable = true;
  }

  // One turn of dnspind: true if all is well.
  bool Turn() {
    bool good = true;
    const BootTime now = clock_.Now();
    for (auto& [id, client] : clients_) {
      good = (!std::exchange(client.readable, false) || !pins_.Take(client, now)) && good;
    }
    good = pins_.Commit(clients_) && good;
    return pins_.Answer(clients_).empty() && good;
  }

  bool TakeReplies(uint32_t count) {
    uint32_t done = 0;
    for (const Descriptor& reader : readers_) {
      for (auto packet = ReceivePacket(reader.get(), kChannelPacketOctetsMax);
           packet.ok() && *packet; packet = ReceivePacket(reader.get(), kChannelPacketOctetsMax)) {
        const std::string& bytes = (*packet)->bytes;
        const auto messages =
            MessagesIn({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
        for (const auto octets : *messages) {
          const auto message = DecodeToReader(octets);
          done += std::get<PinReply>(*message).outcome == PinOutcome::kDone ? 1 : 0;
        }
      }
    }
    return done == count;
  }

  const ServedClients& clients() const { return clients_; }

 private:
  Journal journal_{"/nonexistent"};
  SteadyClock clock_;
  PinService pins_;
  ServedClients clients_;
  std::vector<Descriptor> readers_;
  uint32_t next_ = 0;
};

void NewNames(benchmark::State& state, Pinner& pinner) {
  Service service(pinner);
  const auto count = static_cast<uint32_t>(state.range(0));
  const size_t heap_before = HeapOctets();
  while (state.KeepRunning()) {
    state.PauseTiming();
    for (uint32_t i = 0; i < count; ++i) {
      service.Ask();
    }
    state.ResumeTiming();
    const bool good = service.Turn();
    state.PauseTiming();
    if (!good || !service.TakeReplies(count)) {
      state.SkipWithError("a name was not pinned");
      return;
    }
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * count);
  state.counters["octets_each"] = static_cast<double>(HeapOctets() - heap_before) /
                                  static_cast<double>(state.iterations() * count);
}

void NewNamesJudged(benchmark::State& state) {
  WillingPinner pinner;
  NewNames(state, pinner);
}

void NewNamesPinned(benchmark::State& state) {
  Nftables nftables = *Nftables::Create();
  Firewall::Teardown(nftables, kTable).IgnoreError();
  std::string commands = "add table ip dnspin\n";
  for (size_t client = 1; client <= kClients; ++client) {
    commands += fmt::format(
        "add set ip dnspin pin-10-137-0-{}-1 {{ type ipv4_addr; flags timeout; size 1000000; }}\n",
        client);
  }
  const auto writer = SetWriter::Create(kTable);
  if (!nftables.Run(commands).ok() || !writer.ok()) {
    state.SkipWithError("no sets");
    return;
  }
  NewNames(state, **writer);
  nftables.Run("delete table ip dnspin").IgnoreError();
}

BENCHMARK(NewNamesJudged)->ArgName("a_turn")->Arg(13)->Iterations(10'000)->UseRealTime();
BENCHMARK(NewNamesPinned)->ArgName("a_turn")->Arg(1)->Arg(13)->Iterations(10'000)->UseRealTime();

}  // namespace
}  // namespace dnspin::bench
