#include "nft/firewall.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <tuple>

#include "fresh_namespace.h"
#include "nft/set_reader.h"

namespace dnspin {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Address A(const std::string& text) { return *Address::Parse(text); }

Rule AcceptHost(const std::string& host, Service service = {}) {
  Rule rule;
  rule.action = Action::kAccept;
  rule.host = HostPattern{HostPattern::Kind::kName, *Name::FromHost(host), {}};
  rule.service = service;
  return rule;
}

Service Tcp(uint16_t port) { return {Protocol::kTcp, PortRange{port, port}, {}}; }

ClientRules Client(const std::vector<std::string>& addresses, const std::vector<Rule>& rules,
                   std::span<const PinGroup> before = {}) {
  ClientRules client{{}, rules, GroupsOf(rules, before), 8192};
  for (const std::string& address : addresses) {
    client.addresses.push_back(A(address));
  }
  return client;
}

RulesetTerms Terms() {
  RulesetTerms terms;
  terms.interfaces = {"vif*"};
  terms.intercept = {A("10.139.1.1"), A("10.139.1.2"), A("fd09::53")};
  terms.dns_servers = {A("9.9.9.9"), A("2620:fe::fe")};
  return terms;
}

PinElement Pin(const std::string& set, const std::string& address, milliseconds life,
               const std::string& comment = "x") {
  return {set, A(address), life, comment};
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

class FirewallTest : public FreshNamespace, public ::testing::WithParamInterface<RefreshWay> {
 protected:
  void SetUp() override {
    FreshNamespace::SetUp();
    absl::StatusOr<Nftables> nftables = Nftables::Create();
    ASSERT_TRUE(nftables.ok()) << nftables.status();
    nftables_ = std::make_unique<Nftables>(*std::move(nftables));
    firewall_ = std::make_unique<Firewall>(*nftables_, "dnspin", GetParam());
  }

  void Install(const Ruleset& ruleset) {
    const absl::Status status = firewall_->Install(ruleset);
    ASSERT_TRUE(status.ok()) << status;
  }
  void Apply(const RulesetChange& change) {
    const absl::Status status = firewall_->Apply(change);
    ASSERT_TRUE(status.ok()) << status;
  }

  static std::vector<KernelPin> Pins() {
    absl::StatusOr<std::vector<KernelPin>> pins = ReadKernelPins("dnspin");
    EXPECT_TRUE(pins.ok()) << pins.status();
    std::sort(pins->begin(), pins->end(), [](const KernelPin& a, const KernelPin& b) {
      return std::tie(a.set, a.address) < std::tie(b.set, b.address);
    });
    return *std::move(pins);
  }
  // "SET ADDRESS", each on a line.
  static std::string PinTexts() {
    std::string text;
    for (const KernelPin& pin : Pins()) {
      text += pin.set + " " + pin.address.Text() + "\n";
    }
    return text;
  }
  static std::string Structure() { return Shell("nft -t list ruleset"); }

  std::unique_ptr<Nftables> nftables_;
  std::unique_ptr<Firewall> firewall_;
};

INSTANTIATE_TEST_SUITE_P(Way, FirewallTest,
                         ::testing::Values(RefreshWay::kInPlace, RefreshWay::kAddDeleteAdd));

std::vector<Rule> EveryKindOfRule() {
  std::vector<Service> services = {{}, {Protocol::kAny, PortRange{1, 2}, {}}};
  for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp}) {
    services.push_back({protocol, std::nullopt, std::nullopt});
    services.push_back({protocol, PortRange{0, 65535}, std::nullopt});
    services.push_back({protocol, PortRange{53, 53}, std::nullopt});
    services.push_back({protocol, PortRange{60000, 61000}, std::nullopt});
  }
  services.push_back({Protocol::kIcmp, std::nullopt, std::nullopt});
  for (const int type : {0, 3, 8, 128, 255}) {
    services.push_back({Protocol::kIcmp, std::nullopt, static_cast<uint8_t>(type)});
  }
  const std::vector<std::optional<Prefix>> destinations = {std::nullopt,
                                                           Prefix::Parse("192.0.2.1"),
                                                           Prefix::Parse("192.0.2.0/24"),
                                                           Prefix::Parse("0.0.0.0/0"),
                                                           Prefix::Parse("2001:db8::1"),
                                                           Prefix::Parse("2001:db8::/32"),
                                                           Prefix::Parse("::/0")};
  std::vector<Rule> rules;
  for (const Service& service : services) {
    for (const auto& destination : destinations) {
      for (const bool dns : {false, true}) {
        for (const Action action : {Action::kDrop, Action::kAccept}) {
          Rule rule;
          rule.action = action;
          rule.destination = destination;
          rule.service = service;
          rule.dns_target = dns;
          rules.push_back(rule);
        }
      }
    }
    rules.push_back(AcceptHost("a.example", service));
  }
  return rules;
}

TEST_P(FirewallTest, EveryKindOfRuleLoads) {
  const ClientRules client = Client({"10.137.0.25", "fd09::19", "10.137.0.26"}, EveryKindOfRule());
  RulesetTerms terms = Terms();
  for (const bool any : {false, true}) {
    for (const bool open : {false, true}) {
      terms.intercept_any = any;
      terms.inbound_open = open;
      terms.interfaces.emplace_back("tap" + std::to_string(terms.interfaces.size()));
      Install({terms, {client}, {{A("10.137.0.25"), 4053}, {A("fd09::19"), 4053}}, {}});
    }
  }
  const std::string chain = Shell("nft list chain ip dnspin qbs-10-137-0-25");
  const std::string other = Shell("nft list chain ip6 dnspin qbs-fd09--19");
  EXPECT_EQ(Count(chain, "\n\t\t"), ChainRules(client, Family::kIpv4).size());
  EXPECT_EQ(Count(other, "\n\t\t"), ChainRules(client, Family::kIpv6).size());
  EXPECT_GT(Count(chain, "@pin-10-137-0-25-"), 14U);
  EXPECT_GT(Count(chain, "reject with icmp admin-prohibited"), 50U);
  EXPECT_GT(Count(other, "reject with icmpv6 admin-prohibited"), 50U);
}

TEST_P(FirewallTest, AsTheContractSaysAnAdministratorReadsIt) {
  Install({Terms(),
           {Client({"10.137.0.25", "fd09::19"}, {AcceptHost("a.example", Tcp(443))})},
           {{A("10.137.0.25"), 4053}, {A("fd09::19"), 4053}},
           {Pin("pin-10-137-0-25-1", "192.0.2.1", seconds(100), ".a.example < b.a.example"),
            Pin("pin-fd09--19-1", "2001:db8::1", seconds(100))}});
  const std::string ipv4 = Shell("nft list table ip dnspin");
  for (const char* part :
       {"type filter hook forward priority filter; policy drop;",
        "ct state established,related accept", "oifname \"vif*\" drop",
        "iifname != \"vif*\" accept", "jump qubes-forward", "ip saddr vmap @clients",
        "elements = { 10.137.0.25 : jump qbs-10-137-0-25 }",
        "type filter hook prerouting priority raw; policy accept;",
        "iifname \"vif*\" fib saddr . iif oif missing drop",
        "ip daddr @pin-10-137-0-25-1 tcp dport 443 accept", "elements = { 9.9.9.9 }", "size 8192",
        "flags timeout", "comment \".a.example < b.a.example\""}) {
    EXPECT_TRUE(Has(ipv4, part)) << part << "\n" << ipv4;
  }
  EXPECT_TRUE(Has(Shell("nft list table ip6 dnspin"), "ip6 daddr @pin-fd09--19-1 tcp dport 443"));
  const std::string doors = Shell("nft list table ip6 dnspin-dns");
  for (const char* part : {"type nat hook prerouting priority dstnat - 1; policy accept;",
                           "ip6 daddr fd09::53 meta l4proto { tcp, udp } th dport 53 redirect to "
                           ":ip6 saddr map @doors",
                           "elements = { fd09::19 : 4053 }"}) {
    EXPECT_TRUE(Has(doors, part)) << part << "\n" << doors;
  }
}

TEST_P(FirewallTest, ASecondInstallChangesNothing) {
  const Ruleset ruleset{
      Terms(),
      {Client({"10.137.0.25", "fd09::19"}, {AcceptHost("a.example"), AcceptHost("b.example")})},
      {{A("10.137.0.25"), 4053}},
      {Pin("pin-10-137-0-25-1", "192.0.2.1", seconds(100))}};
  Install(ruleset);
  const std::string once = Structure();
  Install(ruleset);
  Install(ruleset);
  EXPECT_EQ(Structure(), once);
  EXPECT_EQ(PinTexts(), "pin-10-137-0-25-1 192.0.2.1\n");
}

TEST_P(FirewallTest, ARestartFindsItsPinsAndForgetsTheRest) {
  std::vector<PinElement> pins;
  for (int i = 0; i < 4096; ++i) {
    pins.push_back(Pin("pin-10-137-0-25-1",
                       "198.18." + std::to_string(i / 256) + "." + std::to_string(i % 256),
                       seconds(300), ".example < name" + std::to_string(i) + ".example"));
  }
  pins.push_back(Pin("pin-fd09--19-1", "2001:db8::1", seconds(100)));
  Ruleset ruleset{Terms(),
                  {Client({"10.137.0.25", "fd09::19"}, {AcceptHost("a.example")}),
                   Client({"10.137.0.99"}, {AcceptHost("a.example")})},
                  {},
                  pins};
  ruleset.clients[0].set_size = 2 * 4096;
  Install(ruleset);
  Shell("nft add element ip dnspin pin-10-137-0-99-1 '{ 192.0.2.66 timeout 1h }'");
  Shell("nft add element ip dnspin pin-10-137-0-25-1 '{ 192.0.2.67 }'");

  // Another run reads them, and knows another client and a larger quota.
  std::vector<PinElement> adopted;
  for (const KernelPin& pin : Pins()) {
    if (pin.left > milliseconds(0) && pin.set != "pin-10-137-0-99-1") {
      adopted.push_back({pin.set, pin.address, pin.left, pin.comment});
    }
  }
  ASSERT_EQ(adopted.size(), pins.size());
  Install({Terms(), {ruleset.clients[0]}, {}, adopted});
  std::vector<KernelPin> after = Pins();
  ASSERT_EQ(after.size(), pins.size());
  EXPECT_FALSE(Has(Structure(), "10-137-0-99"));
  EXPECT_GT(after.front().left, seconds(290));
  EXPECT_LE(after.front().left, seconds(300));
  EXPECT_TRUE(std::all_of(after.begin(), after.end(),
                          [](const KernelPin& pin) { return pin.comment != ""; }));

  ruleset.clients[0].set_size *= 2;
  Install({Terms(), {ruleset.clients[0]}, {}, adopted});
  EXPECT_EQ(Pins().size(), pins.size());
  EXPECT_TRUE(Has(Shell("nft -t list set ip dnspin pin-10-137-0-25-1"), "size 16384"));
}

TEST_P(FirewallTest, RulesOfOthersSurviveInTheirPlaces) {
  const ClientRules client = Client({"10.137.0.25"}, {AcceptHost("a.example")});
  Install({Terms(), {client}, {}, {}});
  Shell("nft insert rule ip dnspin forward counter comment first");
  Shell("nft add rule ip dnspin forward ip saddr 203.0.113.1 accept");
  Shell("nft add rule ip dnspin qubes-forward ip saddr 203.0.113.2 accept");
  Shell("nft add rule ip6 dnspin-dns prerouting tcp dport 80 redirect to :8080");
  Shell("nft add chain ip dnspin mine");
  Shell("nft add rule ip dnspin mine ip daddr 203.0.113.3 drop");
  Shell("nft add set ip dnspin mine-too '{ type ipv4_addr; elements = { 203.0.113.4 }; }'");
  const std::string once = Structure();

  RulesetTerms terms = Terms();
  terms.inbound_open = true;
  Install({terms, {client}, {}, {}});
  EXPECT_FALSE(Has(Structure(), "oifname"));
  Install({Terms(), {client}, {}, {}});
  EXPECT_EQ(Structure(), once);
  EXPECT_TRUE(Has(Shell("nft list ruleset"), "203.0.113.4"));
  const std::string forward = Shell("nft list chain ip dnspin forward");
  EXPECT_LT(forward.find("comment \"first\""), forward.find("ct state established"));
  EXPECT_LT(forward.find("jump qubes-forward"), forward.find("203.0.113.1"));
}

TEST_P(FirewallTest, WhatOthersNameIsEmptiedInsteadOfRemoved) {
  const ClientRules client = Client({"10.137.0.25"}, {AcceptHost("a.example")});
  const ClientRules stays = Client({"10.137.0.26"}, {AcceptHost("a.example")});
  const Ruleset with{
      Terms(), {client, stays}, {}, {Pin("pin-10-137-0-25-1", "192.0.2.1", seconds(60))}};
  Install(with);
  Shell("nft add chain ip dnspin mine");
  Shell("nft add rule ip dnspin mine ip saddr 10.137.0.25 jump qbs-10-137-0-25");
  Shell("nft add rule ip dnspin mine ip daddr @pin-10-137-0-25-1 counter");

  const auto expect_empty = [] {
    EXPECT_EQ(PinTexts(), "");
    EXPECT_EQ(Count(Shell("nft list chain ip dnspin qbs-10-137-0-25"), "\n\t\t"), 0U);
    EXPECT_EQ(Count(Shell("nft list chain ip dnspin mine"), "\n\t\t"), 2U);
    EXPECT_FALSE(Has(Shell("nft list map ip dnspin clients"), "10.137.0.25"));
  };
  Apply({{{client, {}}}, {}, {}, {}});
  expect_empty();
  Install(with);
  EXPECT_EQ(PinTexts(), "pin-10-137-0-25-1 192.0.2.1\n");
  Install({Terms(), {stays}, {}, {}});
  expect_empty();
  Apply({{{{}, client}}, {}, {Pin("pin-10-137-0-25-1", "192.0.2.9", seconds(60))}, {}});
  EXPECT_EQ(PinTexts(), "pin-10-137-0-25-1 192.0.2.9\n");
}

TEST_P(FirewallTest, PinsMoveInTheTransactionThatChangesTheRules) {
  const Rule stays = AcceptHost("a.example", Tcp(80));
  const ClientRules before =
      Client({"10.137.0.25"}, {stays, AcceptHost("b.example", Tcp(443)), AcceptHost("c.example")});
  const std::string one = "pin-10-137-0-25-1";
  const std::string two = "pin-10-137-0-25-2";
  const std::string three = "pin-10-137-0-25-3";
  const std::string four = "pin-10-137-0-25-4";
  Install({Terms(),
           {before},
           {},
           {Pin(one, "192.0.2.1", seconds(60)), Pin(one, "192.0.2.2", seconds(60)),
            Pin(one, "192.0.2.3", seconds(1)), Pin(one, "192.0.2.5", seconds(10), "old"),
            Pin(two, "192.0.2.4", seconds(60)), Pin(three, "192.0.2.6", seconds(60))}});
  std::this_thread::sleep_for(milliseconds(1050));  // .3 is gone, whatever the ledger thinks

  const ClientRules after =
      Client({"10.137.0.25"}, {AcceptHost("d.example", Tcp(22)), AcceptHost("c.example"), stays},
             before.groups);
  ASSERT_EQ(PinSetsOf(after, Family::kIpv4), (std::vector<std::string>{four, three, one}));
  RulesetChange change{{{before, after}}, {}, {}, {}};
  change.gone = {
      {one, A("192.0.2.2")}, {one, A("192.0.2.3")}, {one, A("192.0.2.77")}, {two, A("192.0.2.4")}};
  change.pins = {Pin(four, "192.0.2.4", seconds(50), "moved"), Pin(one, "192.0.2.5", seconds(70))};
  change.pins.back().replace = true;
  Apply(change);
  EXPECT_EQ(PinTexts(), one + " 192.0.2.1\n" + one + " 192.0.2.5\n" + three + " 192.0.2.6\n" +
                            four + " 192.0.2.4\n");
  const std::vector<KernelPin> pins = Pins();
  EXPECT_GT(pins[0].left, seconds(50));
  EXPECT_GT(pins[1].left, seconds(65));
  EXPECT_EQ(pins[1].comment, "x");
  EXPECT_GT(pins[3].left, seconds(45));
  EXPECT_LE(pins[3].left, seconds(50));
  EXPECT_EQ(pins[3].comment, "moved");
  const std::string chain = Shell("nft list chain ip dnspin qbs-10-137-0-25");
  EXPECT_LT(chain.find("@" + four + " tcp dport 22 accept"), chain.find("@" + three + " accept"));
  EXPECT_LT(chain.find("@" + three + " accept"), chain.find("@" + one + " tcp dport 80 accept"));
  EXPECT_FALSE(Has(chain, "443")) << chain;

  Apply({{{after, before}}, {}, {}, {}});
  EXPECT_EQ(PinTexts(), one + " 192.0.2.1\n" + one + " 192.0.2.5\n" + three + " 192.0.2.6\n");
}

TEST_P(FirewallTest, ClientsComeGoAndTradeAddresses) {
  const ClientRules a = Client({"10.137.0.1", "fd09::1"}, {AcceptHost("a.example")});
  const ClientRules b = Client({"10.137.0.2"}, {AcceptHost("b.example", Tcp(443))});
  Install({Terms(),
           {a},
           {{A("10.137.0.1"), 1001}},
           {Pin("pin-10-137-0-1-1", "192.0.2.1", seconds(60))}});
  const std::string only_a = Structure();

  RulesetChange coming{{{{}, b}}, {}, {Pin("pin-10-137-0-2-1", "192.0.2.2", seconds(60))}, {}};
  coming.doorways = {{A("10.137.0.1"), 1001}, {A("10.137.0.2"), 1002}};
  Apply(coming);
  EXPECT_EQ(PinTexts(), "pin-10-137-0-1-1 192.0.2.1\npin-10-137-0-2-1 192.0.2.2\n");
  EXPECT_TRUE(Has(Shell("nft list map ip dnspin-dns doors"), "10.137.0.2 : 1002"));

  // Each takes the other's IPv4 address. Their pins stay behind.
  ClientRules a_then = a;
  ClientRules b_then = b;
  std::swap(a_then.addresses[0], b_then.addresses[0]);
  Apply({{{a, a_then}, {b, b_then}}, {}, {}, {}});
  EXPECT_EQ(PinTexts(), "");
  EXPECT_TRUE(Has(Shell("nft list chain ip dnspin qbs-10-137-0-1"), "tcp dport 443"));
  EXPECT_FALSE(Has(Shell("nft list chain ip dnspin qbs-10-137-0-2"), "tcp dport 443"));
  EXPECT_EQ(Count(Shell("nft list map ip dnspin clients"), "jump"), 2U);

  RulesetChange going{{{a_then, a}, {b_then, {}}}, {}, {}, {{{A("10.137.0.1"), 1001}}}};
  Apply(going);
  EXPECT_EQ(Structure(), only_a);
}

TEST_P(FirewallTest, DoorsAreAllReplaced) {
  Install({Terms(), {}, {{A("10.137.0.1"), 1001}, {A("10.137.0.2"), 1002}}, {}});
  ASSERT_TRUE(
      firewall_->SetDoorways(std::vector<Doorway>{{A("10.137.0.1"), 2001}, {A("fd09::1"), 2001}})
          .ok());
  const std::string ipv4 = Shell("nft list map ip dnspin-dns doors");
  EXPECT_TRUE(Has(ipv4, "elements = { 10.137.0.1 : 2001 }")) << ipv4;
  EXPECT_TRUE(Has(Shell("nft list map ip6 dnspin-dns doors"), "fd09::1 : 2001"));
  ASSERT_TRUE(firewall_->SetDoorways({}).ok());
  EXPECT_FALSE(Has(Shell("nft list table ip dnspin-dns"), "elements = { 10.137"));
}

TEST_P(FirewallTest, AFailureLeavesAllAsItWas) {
  const ClientRules client = Client({"10.137.0.25"}, {AcceptHost("a.example")});
  const Ruleset good{Terms(), {client}, {}, {Pin("pin-10-137-0-25-1", "192.0.2.1", seconds(60))}};
  EXPECT_FALSE(firewall_->Apply({{{{}, client}}, {}, {}, {}}).ok());  // nothing is there yet
  EXPECT_EQ(Structure(), "");
  Install(good);
  const std::string once = Structure();
  Ruleset bad{Terms(), {}, {}, {Pin("pin-nowhere-1", "192.0.2.2", seconds(60))}};
  const absl::Status install = firewall_->Install(bad);
  EXPECT_TRUE(Has(std::string(install.message()), "pin-nowhere-1")) << install;
  EXPECT_FALSE(firewall_->Apply({{{client, {}}}, {}, bad.pins, {}}).ok());
  EXPECT_EQ(Structure(), once);
  EXPECT_EQ(PinTexts(), "pin-10-137-0-25-1 192.0.2.1\n");
}

TEST_P(FirewallTest, TeardownRemovesWhatWeMadeAndNothingElse) {
  Shell("nft add table inet other");
  Shell("nft add chain inet other forward '{ type filter hook forward priority 5; }'");
  Shell("nft add table ip qubes");
  Shell("nft add chain ip qubes custom-input");
  Shell("nft add rule ip qubes custom-input tcp dport 22 accept comment mine");
  const std::string before = Structure();
  Install({Terms(), {Client({"10.137.0.25"}, {AcceptHost("a.example")})}, {}, {}});
  Install({Terms(), {Client({"10.137.0.25"}, {AcceptHost("a.example")})}, {}, {}});
  EXPECT_EQ(Count(Shell("nft list chain ip qubes custom-input"), "ct status dnat"), 2U);
  for (int i = 0; i < 2; ++i) {
    const absl::Status status = Firewall::Teardown(*nftables_, "dnspin");
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(Structure(), before);
  }
}

TEST_P(FirewallTest, ThereIsNoInstantWithoutTheRules) {
  // Looks at the ruleset from another process while it is installed over and over.
  const Ruleset ruleset{Terms(), {Client({"10.137.0.25"}, {AcceptHost("a.example")})}, {}, {}};
  Install(ruleset);
  const std::string once = Shell("nft list chain ip dnspin forward");
  std::thread installer([&] {
    for (int i = 0; i < 50; ++i) {
      Install(ruleset);
    }
  });
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Shell("nft list chain ip dnspin forward"), once);
  }
  installer.join();
}

}  // namespace
}  // namespace dnspin
