#include "tests/scenario/resolver_stage.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "config/rule_text.h"
#include "pinning/drop_names.h"

namespace dnspin::stage {

std::vector<Rule> RulesOf(const std::vector<std::string>& lines) {
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

void Close(Policy& policy) {
  policy.closed_from = DropNames().ClosedFrom(policy.rules, policy.addresses);
}

Policy PolicyOf(const std::vector<std::string>& lines, uint32_t generation) {
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

std::optional<SocketId> FakeNetwork::Send(const Upstream& server, Transport transport,
                                          std::string_view message) {
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

void FakeNetwork::Close(SocketId socket) {
  EXPECT_EQ(open.erase(socket), 1U) << "closed twice, or never open";
}

void FakeFirewall::Request(const PinRequest& request) {
  EXPECT_TRUE(DecodeFromReader(Octets(Encode(FromReader(request)))).ok());
  requests.push_back(request);
  sent.emplace_back(request);
}

bool FakeFirewall::Grant(const GrantRequest& request) {
  EXPECT_TRUE(DecodeFromReader(Octets(Encode(FromReader(request)))).ok());
  grants.push_back(request);
  sent.emplace_back(request);
  return !full;
}

bool FakeFirewall::Drop(const std::vector<DropAddresses>& pieces) {
  for (const DropAddresses& piece : pieces) {
    EXPECT_TRUE(DecodeFromReader(Octets(Encode(FromReader(piece)))).ok());
    dropped.push_back(piece);
  }
  return true;
}

std::vector<std::string> Heard::Addresses() const {
  std::vector<std::string> addresses;
  for (const Record& record : answer.answer) {
    if (record.type == dns::kA || record.type == dns::kAaaa) {
      addresses.push_back(Address::FromBytes(Octets(record.rdata))->Text());
    }
  }
  return addresses;
}

void FakeClient::Release(const ReturnPath& path, Ending ending) {
  Count(ending, counters_);
  ASSERT_TRUE(path.held);
  released.push_back(*path.held);
}

void FakeClient::Send(const ReturnPath& path, std::string message, Ending ending) {
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

std::string Record4(std::string_view owner, uint8_t last, uint32_t ttl) {
  return ARecord(N(owner), dns::kA, V4(203, 0, 113, last), ttl);
}

std::string RecordOf(std::string_view owner, std::string_view address, uint32_t ttl) {
  const auto parsed = Address::Parse(address);
  const auto octets = parsed->bytes();
  return ARecord(N(owner), parsed->family() == Family::kIpv4 ? dns::kA : dns::kAaaa,
                 {reinterpret_cast<const char*>(octets.data()), octets.size()}, ttl);
}

std::string AliasOf(std::string_view owner, std::string_view target, uint32_t ttl) {
  return ARecord(N(owner), dns::kCname, N(target), ttl);
}

std::string SoaOf(std::string_view owner, uint32_t ttl, uint32_t minimum) {
  return ARecord(
      N(owner), dns::kSoa,
      N("ns.invalid") + N("root.invalid") + U32(1) + U32(2) + U32(3) + U32(4) + U32(minimum), ttl);
}

Stage::Stage(const std::vector<std::string>& rules, OpenQuestions* shared)
    : policy(PolicyOf(rules)), all_open(shared != nullptr ? *shared : own_open) {
  forwarder.SetPolicy(policy, now);
}

Stage::~Stage() = default;

uint16_t Stage::Ask(std::string_view name, uint16_t type,
                    const std::function<void(Question&, ReturnPath&)>& change) {
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
  repeat_until = forwarder.OnQuestion(std::move(question), path, now);
  return last_id;
}

std::string Stage::ReplyTo(const Sent& sent, Message message) {
  message.id = sent.question.id;
  message.asked = sent.question.asked_wire;
  message.type = sent.question.type;
  return message.Wire();
}

void Stage::UpstreamSays(const Message& message) {
  if (LastSent().transport == Transport::kUdp && ReplyTo(LastSent(), message).size() > kUdpOctets) {
    Arrives(LastSent(), ReplyTo(LastSent(), {.flags = 0x8380}));
  }
  Arrives(LastSent(), ReplyTo(LastSent(), message));
}

void Stage::Arrives(const Sent& sent, const std::string& octets, Carriage carriage) {
  if (network.open.contains(sent.socket)) {
    forwarder.upstreams().OnMessage(sent.socket, Octets(octets), now, carriage);
  }
}

void Stage::FirewallSays(PinOutcome outcome) {
  ASSERT_LT(firewall.taken, firewall.requests.size()) << "nothing was asked of the firewall";
  forwarder.OnPinReply({firewall.requests[firewall.taken++].ticket, outcome}, now);
}

void Stage::FirewallDoesAll() {
  while (firewall.taken < firewall.requests.size()) {
    FirewallSays(PinOutcome::kDone);
  }
}

void Stage::Pass(BootClock::duration time) {
  const BootTime until = now + time;
  for (auto next = forwarder.NextDeadline(); next && *next <= until;
       next = forwarder.NextDeadline()) {
    now = std::max(now, *next);
    forwarder.Expire(now);
  }
  now = until;
}

Heard Stage::HeardOf(uint16_t id) const {
  const auto found = client.heard.find(id);
  EXPECT_TRUE(found != client.heard.end()) << "no answer yet";
  if (found == client.heard.end()) {
    return {};
  }
  EXPECT_EQ(found->second.size(), 1U) << "answered more than once";
  return found->second.front();
}

void Stage::NothingIsLeft() const {
  EXPECT_TRUE(forwarder.Idle()) << "something is held or in flight";
  EXPECT_TRUE(network.open.empty()) << "sockets are open";
  EXPECT_EQ(counters.answers_released_unpinned, 0U);
  EXPECT_EQ(counters.questions, counters.answered + counters.refused + counters.failed);
}

}  // namespace dnspin::stage
