#pragma once
// Knows: what a fuzzer of dnspind's judgement plays with: rules and words to choose from, a clock,
// a kernel and a journal that are none. Touches: a socket that nobody listens to.

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/rule_text.h"
#include "fuzz/judge_model.h"
#include "nft/journal.h"
#include "nft/served_client.h"
#include "pinning/check.h"
#include "pinning/clock.h"
#include "pinning/pin.h"
#include "pinning/policy.h"

namespace dnspin {

// What the attacker chooses from; a raw message may hold anything else.
inline const std::vector<std::string> kHosts = {".a.test", "b.test", "*.c.test", "x.test",
                                                ".ads.a.test"};
inline const std::vector<std::string> kNames = {
    "a.test",    "www.a.test", "ads.a.test", "nas.a.test", "b.test",  "c.test",  "www.c.test",
    "late.test", "d.test",     "edge.net",   "deep.net",   "far.net", "bb.test", "evil.b.test"};
inline const std::vector<std::string> kAddresses = {
    "192.0.2.1", "192.0.2.2",       "192.0.2.3", "192.0.2.4",     "198.51.100.200", "10.0.0.1",
    "127.0.0.1", "169.254.169.254", "224.0.0.1", "2001:db8::1",   "2001:db8::2",    "fe80::1",
    "fc00::1",   "::ffff:10.0.0.1", "::1",       "64:ff9b::a00:1"};

inline const std::vector<std::vector<model::Line>> kRules = {
    {{false, ".ads.a.test", "", false},
     {true, ".a.test", "tcp 443", false},
     {true, "b.test", "tcp 22", false},
     {true, ".a.test", "udp 443", false},
     {true, "*.c.test", "", false},
     {true, "bb.test", "", true},
     {false, "d.test", "", false},
     {true, "late.test", "", false}},
    {{true, ".a.test", "udp 443", false}, {true, ".ads.a.test", "", false}},
    {{false, "*.a.test", "", false},
     {true, ".a.test", "tcp 443", false},
     {true, "x.test", "", false},
     {true, "b.test", "tcp 22", false}},
    {},
};

inline const PinTerms kTerms{std::chrono::seconds(300), std::chrono::seconds(60),
                             std::chrono::seconds(30), 12, 6};

inline std::vector<Rule> RulesOf(const std::vector<model::Line>& lines) {
  std::vector<Rule> rules;
  for (const model::Line& line : lines) {
    static const std::string kFile = "fuzz";
    const std::string text = (line.accept ? "accept " : "drop ") + line.host +
                             (line.service.empty() ? "" : " " + line.service) +
                             (line.only_dns ? " specialtarget=dns" : "");
    std::vector<Diagnostic> said;
    LineReport report(kFile, 1, text, said);
    const auto rule = ReadRule(text, Author::kOurselves, report);
    DNSPIN_CHECK(rule.has_value());
    rules.push_back(*rule);
  }
  return rules;
}

inline const std::vector<Name>& ParsedNames() {
  static const std::vector<Name> names = [] {
    std::vector<Name> parsed;
    parsed.reserve(kNames.size());
    for (const std::string& name : kNames) {
      parsed.push_back(*Name::FromHost(name));
    }
    return parsed;
  }();
  return names;
}

inline std::string ServiceText(const Service& service) {
  if (service == Service{}) {
    return "";
  }
  return (service.protocol == Protocol::kTcp ? "tcp " : "udp ") +
         std::to_string(service.ports->first);
}

inline std::string OctetsOf(const Address& address) {
  return {reinterpret_cast<const char*>(address.bytes().data()), address.bytes().size()};
}

// What one of the lists above makes of a client, whatever its addresses; made once.
struct Government {
  Policy policy;
  std::shared_ptr<const Permissions> permissions;
  DropNames drops;
};

inline const Government& GovernmentOf(size_t rules) {
  static std::map<size_t, Government> known;
  const auto [found, fresh] = known.try_emplace(rules);
  auto& [policy, permissions, drops] = found->second;
  if (fresh) {
    policy.generation = 1;
    policy.rules = RulesOf(kRules[rules]);
    drops.Follow(policy.rules);
    const std::vector<Address> any = {*Address::Parse("10.137.0.1")};
    policy.closed_from = drops.ClosedFrom(policy.rules, any);
    policy.terms = kTerms;
    policy.rebind_ok = {{HostPattern::Kind::kName, *Name::FromHost("nas.a.test"), ""},
                        {HostPattern::Kind::kName, *Name::FromHost("edge.net"), ""}};
    policy.own = {*Address::Parse("198.51.100.200")};
    permissions = std::make_shared<const Permissions>(policy);
  }
  return found->second;
}

inline void Govern(ServedClient& client, size_t rules) {
  const Government& government = GovernmentOf(rules);
  client.policy = government.policy;
  client.policy.client = client.desired.name;
  client.policy.addresses = client.desired.addresses;
  client.permissions = government.permissions;
  client.drops = client.learned = government.drops;
  client.groups = GroupsOf(client.policy.rules, client.groups);
}

inline ServedClient ClientOf(ClientId id, size_t rules, bool ipv6) {
  ServedClient client;
  const auto number = std::to_string(static_cast<uint32_t>(id));
  client.id = id;
  client.desired.name = "client" + number;
  client.desired.addresses = {*Address::Parse("10.137.0." + number)};
  if (ipv6) {
    client.desired.addresses.push_back(*Address::Parse("fd09::" + number));
  }
  Govern(client, rules);
  client.ledger.SetTerms(kTerms);
  return client;
}

inline model::Terms ModelTerms(bool ipv6) {
  model::Terms terms;
  terms.rebind_ok = {"nas.a.test", "edge.net"};
  terms.own = {OctetsOf(*Address::Parse("198.51.100.200"))};
  terms.ipv6 = ipv6;
  return terms;
}

class HandClock final : public Clock {
 public:
  BootTime Now() override { return now; }
  int64_t WallSeconds() override { return 0; }
  BootTime now{std::chrono::seconds(1000)};
};

// The kernel's sets, and a mind of its own.
class FakeKernel final : public Pinner {
 public:
  struct Element {
    BootTime until;
    SharedText comment;
  };
  using Key = std::pair<SharedText, Address>;

  explicit FakeKernel(const HandClock& clock) : clock_(clock) {}

  CommitResult Commit(std::span<const PinElement> elements) override {
    DNSPIN_CHECK(!elements.empty() && elements.size() <= kElementsPerCommit);
    std::map<Key, Element> next;
    for (const PinElement& element : elements) {
      DNSPIN_CHECK(element.life >= std::chrono::seconds(1) &&
                   element.life <= std::max(kTerms.told_max + kTerms.slack, kTerms.floor));
      DNSPIN_CHECK(!element.comment.empty() && element.comment.size() <= kCommentOctetsMax);
      const Element fresh{clock_.now + element.life, element.comment};
      DNSPIN_CHECK(next.emplace(Key{element.set, element.address}, fresh).second);
      const auto old = held.find({element.set, element.address});
      const bool lives = old != held.end() && clock_.now < old->second.until;
      DNSPIN_CHECK(!lives || fresh.until >= old->second.until);
      DNSPIN_CHECK(!lives || element.replace || fresh.comment == old->second.comment);
    }
    if (failures != 0) {
      --failures;
      return {absl::AbortedError("no"),
              failures % 2 == 0 ? std::vector<size_t>() : std::vector<size_t>{0}};
    }
    for (auto& [key, element] : next) {
      held[key] = std::move(element);
    }
    return {absl::OkStatus(), {}};
  }

  std::map<Key, Element> held;
  unsigned failures = 0;

 private:
  const HandClock& clock_;
};

// Where nobody listens: what is logged comes to nothing, and nothing waits for it.
inline Journal& Silent() {
  static const std::string path = [] {
    static const int sink = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string name = "/tmp/dnspin-fuzz-" + std::to_string(getpid());
    std::copy(name.begin(), name.end(), std::begin(address.sun_path));
    bind(sink, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    return name;
  }();
  static Journal journal(path.c_str());
  unlink(path.c_str());
  return journal;
}

}  // namespace dnspin
