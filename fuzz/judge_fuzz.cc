// Two clients' readers, both in the hands of an attacker, and a kernel that fails at times: any
// sequence of their messages, with rules that change and time that passes between them. What must
// hold, by a model that knows the rules as text (judge_model.h):
//  - what stands is what the client's rules list, or what a grant may have been made for; what is a
//    lie ends the reader; what may be honest does not;
//  - every element that goes to the kernel is of a set of the client whose channel asked for it, of
//    a rule that explains it, with an address that it may have and a life within bounds; no life
//    shrinks;
//  - "done" is said once the kernel holds every address for longer than the TTL told;
//  - the quotas hold, every request has one reply, and the ledger is what the kernel holds.
#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/judge_model.h"
#include "fuzz/judge_stage.h"
#include "fuzz/script.h"
#include "io/packet_pair.h"
#include "nft/client_chain.h"
#include "nft/pin_moves.h"
#include "nft/pin_service.h"
#include "pinning/channel_packet.h"
#include "pinning/check.h"

namespace dnspin {
namespace {

using model::Verdict;
using std::chrono::milliseconds;
using std::chrono::seconds;

// What was told is not lost because other rules put it in more places: it may stand beyond the
// quotas until it ends, and nothing new beside it.
struct Quotas {
  size_t pins = kTerms.per_client;
  std::map<std::string, size_t> of_name;

  size_t OfName(const Name& name) const {
    const auto found = of_name.find(name.Text());
    return found == of_name.end() ? kTerms.per_name : found->second;
  }
  void Follow(const Ledger& ledger) {
    pins = std::max<size_t>(kTerms.per_client, ledger.pins().size());
    of_name.clear();
    for (const Name& name : ParsedNames()) {
      if (ledger.CountOf(name) > kTerms.per_name) {
        of_name[name.Text()] = ledger.CountOf(name);
      }
    }
  }
};

class Play {
 public:
  Play() {
    for (uint32_t number = 1; number <= 2; ++number) {
      const ClientId id{number};
      const bool ipv6 = number == 1;
      Connect(clients_.emplace(id, ClientOf(id, number - 1, ipv6)).first->second);
      models_.emplace(id, model::Client(kRules[number - 1], ModelTerms(ipv6)));
    }
  }

  void Step(Script& script) {
    const uint8_t step = script.Octet();
    ServedClient& client = clients_.at(ClientId{1U + step / 128});
    switch (step % 8) {
      case 0:
      case 1:
        Say(client, Encode(FromReader(PinOf(script, client))));
        break;
      case 2:
        Say(client, Encode(FromReader(GrantOf(script, client))));
        break;
      case 3:
        Say(client, Encode(FromReader(DropOf(script, client))));
        break;
      case 4:
        Say(client, std::string(script.Text(script.Octet())));
        break;
      case 5:
        kernel_.failures = script.Octet() % 8;
        break;
      case 6:
        Turn();
        clock_.now += milliseconds(script.Number() * 8);
        break;
      default:
        Turn();
        Reload(client, script.Octet());
    }
  }

  void Turn();

 private:
  struct Asked {
    PinRequest request;
    Verdict verdict;
  };

  static Name NameOf(Script& script) { return ParsedNames()[script.Octet() % kNames.size()]; }
  // One that is in force, or of an older or later policy.
  static uint32_t GenerationOf(uint8_t octet, const ServedClient& client) {
    const uint32_t now = client.policy.generation;
    return octet == 1 ? now + 1 : octet == 2 ? now - 1 : now;
  }
  static uint32_t TimeOf(uint8_t octet) { return octet == 255 ? UINT32_MAX : octet * 2U; }

  PinRequest PinOf(Script& script, const ServedClient& client) {
    PinRequest request;
    request.ticket = ++ticket_;
    request.generation = GenerationOf(script.Octet(), client);
    request.told_s = TimeOf(script.Octet());
    request.asked = NameOf(script);
    request.rule_host = kHosts[script.Octet() % kHosts.size()];
    const uint8_t octet = script.Octet();
    request.unasked = octet >= 128;
    for (size_t i = 0; i <= octet % 4U; ++i) {
      request.addresses.push_back(*Address::Parse(kAddresses[script.Octet() % kAddresses.size()]));
    }
    return request;
  }
  static GrantRequest GrantOf(Script& script, const ServedClient& client) {
    GrantRequest request;
    request.generation = GenerationOf(script.Octet(), client);
    request.ttl_s = TimeOf(script.Octet());
    request.rule_host = kHosts[script.Octet() % kHosts.size()];
    request.parent = NameOf(script);
    request.target = NameOf(script);
    return request;
  }
  static DropAddresses DropOf(Script& script, const ServedClient& client) {
    DropAddresses piece;
    piece.generation = GenerationOf(script.Octet(), client);
    piece.name = NameOf(script);
    const uint8_t octet = script.Octet();
    piece.first = (octet & 1) != 0;
    piece.last = (octet & 2) != 0;
    piece.addresses.assign(1U + octet % 24, *Address::Parse("192.0.2.9"));
    return piece;
  }

  void Connect(ServedClient& client) {
    auto pair = PacketPair();
    DNSPIN_CHECK(pair.ok());
    client.channel = std::move(pair->first);
    readers_[client.id] = std::move(pair->second);
  }

  void Say(ServedClient& client, const std::string& message) {
    if (said_[client.id].size() == 8) {
      Turn();  // of more, some could be left for the next: 64 addresses in all their places
    }
    if (!message.empty() && SendPacket(readers_.at(client.id).get(), PacketOf(message)).ok()) {
      said_[client.id].push_back(message);
    }
  }

  static bool UnreadOf(const ServedClient& client) {
    const auto packet = ReceivePacket(client.channel.get(), kChannelPacketOctetsMax);
    return packet.ok() && packet->has_value();
  }
  void TakeAll(ServedClient& client);
  void CheckKernel();
  void Reload(ServedClient& client, uint8_t rules);
  std::deque<PinReply> RepliesTo(const ServedClient& client);
  void Hear(const ServedClient& client, const std::vector<Asked>& asked);

  HandClock clock_;
  FakeKernel kernel_{clock_};
  PinService service_{kernel_, Silent(), clock_};
  ServedClients clients_;
  std::map<ClientId, model::Client> models_;
  std::map<ClientId, Quotas> quotas_;
  std::map<ClientId, Descriptor> readers_;
  std::map<ClientId, std::vector<std::string>> said_;  // since the last turn
  std::map<ClientId, std::vector<Asked>> asked_;       // in this turn
  std::vector<ClientId> ended_;                        // in this turn
  uint64_t ticket_ = 0;
};

// The model judges message by message, up to the one that ends the reader.
void Play::TakeAll(ServedClient& client) {
  const auto fault = service_.Take(client, clock_.now);
  std::vector<std::string> taken = std::exchange(said_[client.id], {});
  while (fault && UnreadOf(client)) {
    taken.pop_back();
  }
  model::Client& model = models_.at(client.id);
  model.Turn(clock_.now);
  Verdict verdict = Verdict::kOpen;
  for (const std::string& message : taken) {
    DNSPIN_CHECK(verdict != Verdict::kBreach);  // or it would have been the last
    const auto read =
        DecodeFromReader({reinterpret_cast<const uint8_t*>(message.data()), message.size()});
    verdict = read.ok() ? Verdict::kOpen : Verdict::kBreach;
    if (read.ok()) {
      if (const auto* pin = std::get_if<PinRequest>(&*read)) {
        verdict = model.Judge(*pin, clock_.now);
        asked_[client.id].push_back({*pin, verdict});
      } else if (const auto* grant = std::get_if<GrantRequest>(&*read)) {
        verdict = model.Take(*grant, clock_.now);
      } else if (std::get_if<DropAddresses>(&*read) != nullptr) {
        verdict = Verdict::kRefused;  // its order is not the model's
      }
    }
  }
  const bool may_lie = verdict == Verdict::kBreach || verdict == Verdict::kRefused;
  DNSPIN_CHECK(fault ? may_lie && fault->breach : verdict != Verdict::kBreach);
  if (fault) {
    ended_.push_back(client.id);
  }
}

// As the daemon does it.
void Play::Turn() {
  for (auto& [id, client] : clients_) {
    TakeAll(client);
  }
  if (service_.Waiting()) {
    service_.Commit(clients_);
  }
  CheckKernel();
  DNSPIN_CHECK(service_.Answer(clients_).empty());
  for (const auto& [id, client] : clients_) {
    Hear(client, asked_[id]);
  }
  asked_.clear();
  for (const ClientId id : ended_) {
    Connect(clients_.at(id));
  }
  ended_.clear();
  kernel_.failures = 0;
}

// Every element has a holder whom the rules explain; every holder has its element.
void Play::CheckKernel() {
  std::erase_if(kernel_.held, [&](const auto& e) { return e.second.until <= clock_.now; });
  size_t explained = 0;
  for (auto& [id, client] : clients_) {
    client.ledger.Expire(clock_.now);
    Quotas& quotas = quotas_[id];
    DNSPIN_CHECK(client.ledger.pins().size() <= quotas.pins);
    for (const Name& name : ParsedNames()) {
      DNSPIN_CHECK(client.ledger.CountOf(name) <= quotas.OfName(name));
    }
    quotas.Follow(client.ledger);
    for (const auto& [key, pin] : client.ledger.pins()) {
      const auto element =
          kernel_.held.find({client.SetName(key.address.family(), key.group), key.address});
      DNSPIN_CHECK(element != kernel_.held.end() && element->second.until >= pin.until());
      ++explained;
      const auto group =
          std::find_if(client.groups.begin(), client.groups.end(),
                       [&, number = key.group](const PinGroup& g) { return g.number == number; });
      DNSPIN_CHECK(group != client.groups.end() && group->action == Action::kAccept);
      for (const PinHolder& holder : pin.holders) {
        const std::string rule_host(holder.rule_host.view());
        DNSPIN_CHECK(models_.at(id).Explains(rule_host, holder.asked.Text(), OctetsOf(key.address),
                                             ServiceText(group->service)));
      }
    }
  }
  DNSPIN_CHECK(explained == kernel_.held.size());
}

// All replies that wait there; after its end none.
std::deque<PinReply> Play::RepliesTo(const ServedClient& client) {
  std::deque<PinReply> replies;
  while (true) {
    auto packet = ReceivePacket(readers_.at(client.id).get(), kChannelPacketOctetsMax);
    if (!packet.ok() || !packet->has_value()) {
      return replies;
    }
    const auto messages = MessagesIn(
        {reinterpret_cast<const uint8_t*>((*packet)->bytes.data()), (*packet)->bytes.size()});
    DNSPIN_CHECK(messages);
    for (const auto message : *messages) {
      const auto read = DecodeToReader(message);
      DNSPIN_CHECK(read.ok() && std::holds_alternative<PinReply>(*read));
      replies.push_back(std::get<PinReply>(*read));
    }
  }
}

void Play::Hear(const ServedClient& client, const std::vector<Asked>& asked) {
  const bool ended = std::find(ended_.begin(), ended_.end(), client.id) != ended_.end();
  std::deque<PinReply> replies = RepliesTo(client);
  for (const auto& [request, verdict] : asked) {
    if (replies.empty()) {
      DNSPIN_CHECK(ended);  // at that request, or before it
      return;
    }
    const PinReply reply = replies.front();
    replies.pop_front();
    DNSPIN_CHECK(reply.ticket == request.ticket);
    const bool stale = reply.outcome == PinOutcome::kStale;
    DNSPIN_CHECK(verdict == Verdict::kOpen || stale == (verdict != Verdict::kStands));
    if (reply.outcome != PinOutcome::kDone) {
      continue;
    }
    const BootTime needed = clock_.now + seconds(request.told_s) + kTerms.slack;
    for (const Address& address : request.addresses) {
      DNSPIN_CHECK(std::any_of(client.groups.begin(), client.groups.end(), [&](const PinGroup& g) {
        const auto element =
            kernel_.held.find({client.SetName(address.family(), g.number), address});
        return element != kernel_.held.end() && element->second.until >= needed;
      }));
    }
  }
  DNSPIN_CHECK(replies.empty());
}

// Other rules: pins move, and the kernel with them.
void Play::Reload(ServedClient& client, uint8_t rules) {
  const size_t number = rules % kRules.size();
  ServedClient next;
  next.id = client.id;
  next.desired = client.desired;
  next.groups = client.groups;
  Govern(next, number);
  next.policy.generation = client.policy.generation + 1;
  models_.at(client.id).Follow(kRules[number], clock_.now);
  PinMoves moves = MovePins(client, next, clock_.now);
  for (const Name& name : ParsedNames()) {
    DNSPIN_CHECK(moves.after.CountOf(name) <= client.ledger.CountOf(name) * next.groups.size());
  }
  quotas_[client.id].Follow(moves.after);
  next.ledger = std::move(moves.after);
  std::erase_if(kernel_.held, [&](const auto& entry) {
    return entry.first.first.view().starts_with("pin-" + AddressLabel(client.desired.addresses[0]) +
                                                "-") ||
           (client.desired.addresses.size() > 1 &&
            entry.first.first.view().starts_with("pin-" +
                                                 AddressLabel(client.desired.addresses[1]) + "-"));
  });
  for (const PinElement& element : ElementsOf(next, next.ledger, clock_.now)) {
    kernel_.held[{element.set, element.address}] = {clock_.now + element.life, element.comment};
  }
  client.TakePolicy(std::move(next));
  CheckKernel();
}

}  // namespace
}  // namespace dnspin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  dnspin::Script script(bytes, size);
  dnspin::Play play;
  for (int steps = 0; steps < 300 && !script.Over(); ++steps) {
    play.Step(script);
  }
  play.Turn();
  return 0;
}
