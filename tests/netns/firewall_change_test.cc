// What rules, clients and doors become in the kernel, and what changing them does to pins.

#include <string>
#include <thread>
#include <vector>

#include "nft/firewall.h"
#include "tests/netns/firewall_fixture.h"

namespace dnspin {
namespace {

class FirewallChangeTest : public FirewallTest {};
INSTANTIATE_TEST_SUITE_P(Way, FirewallChangeTest,
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

TEST_P(FirewallChangeTest, EveryKindOfRuleLoads) {
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

TEST_P(FirewallChangeTest, PinsMoveInTheTransactionThatChangesTheRules) {
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
           {Element(one, "192.0.2.1", seconds(60)), Element(one, "192.0.2.2", seconds(60)),
            Element(one, "192.0.2.3", seconds(1)), Element(one, "192.0.2.5", seconds(10), "old"),
            Element(two, "192.0.2.4", seconds(60)), Element(three, "192.0.2.6", seconds(60))}});
  std::this_thread::sleep_for(milliseconds(1050));  // .3 is gone, whatever the ledger thinks

  const ClientRules after =
      Client({"10.137.0.25"}, {AcceptHost("d.example", Tcp(22)), AcceptHost("c.example"), stays},
             before.groups);
  ASSERT_EQ(PinSetsOf(after, Family::kIpv4), (std::vector<std::string>{four, three, one}));
  RulesetChange change{{{before, after}}, {}, {}, {}};
  change.gone = {
      {one, A("192.0.2.2")}, {one, A("192.0.2.3")}, {one, A("192.0.2.77")}, {two, A("192.0.2.4")}};
  change.pins = {Element(four, "192.0.2.4", seconds(50), "moved"),
                 Element(one, "192.0.2.5", seconds(70))};
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

TEST_P(FirewallChangeTest, ClientsComeGoAndTradeAddresses) {
  const ClientRules a = Client({"10.137.0.1", "fd09::1"}, {AcceptHost("a.example")});
  const ClientRules b = Client({"10.137.0.2"}, {AcceptHost("b.example", Tcp(443))});
  RulesetTerms terms = Terms();
  terms.connected.emplace();  // in a netvm
  Install({terms,
           {a},
           {{A("10.137.0.1"), 1001}},
           {Element("pin-10-137-0-1-1", "192.0.2.1", seconds(60))}});
  const std::string only_a = Structure();

  RulesetChange coming{{{{}, b}}, {}, {Element("pin-10-137-0-2-1", "192.0.2.2", seconds(60))}};
  coming.new_elements = {{{A("10.137.0.2"), 1002}}, {{"vif2.0", A("10.137.0.2")}}, {}, {}};
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

  RulesetChange going{{{a_then, a}, {b_then, {}}}, {}, {}, coming.new_elements};
  Apply(going);
  EXPECT_EQ(Structure(), only_a);
}

TEST_P(FirewallChangeTest, SharedElementsComeAndGoOneByOne) {
  RulesetTerms terms = Terms();
  terms.connected = {A("10.137.0.1"), A("10.137.0.2")};
  terms.dns_servers = {A("192.0.2.53"), A("192.0.2.54")};
  Install({terms,
           {},
           {{A("10.137.0.1"), 1001}, {A("10.137.0.2"), 1002}},
           {},
           {{"vif1.0", A("10.137.0.1")}}});
  const SharedElements before{{{A("10.137.0.1"), 1001}, {A("10.137.0.2"), 1002}},
                              {{"vif1.0", A("10.137.0.1")}},
                              terms.dns_servers,
                              *terms.connected};
  const SharedElements after{{{A("10.137.0.1"), 2001}, {A("fd09::1"), 2001}},
                             {{"vif1.0", A("10.137.0.1")}, {"vif2.0", A("fd09::1")}},
                             {A("192.0.2.54"), A("192.0.2.55")},
                             {A("fd09::1")}};
  Apply({{}, {}, {}, Without(before, after), Without(after, before)});
  const std::string ipv4 = Shell("nft list map ip dnspin-dns doors");
  EXPECT_TRUE(Has(ipv4, "elements = { 10.137.0.1 : 2001 }")) << ipv4;
  EXPECT_TRUE(Has(Shell("nft list map ip6 dnspin-dns doors"), "fd09::1 : 2001"));
  EXPECT_TRUE(Has(Shell("nft list set ip dnspin sources"), "\"vif1.0\" . 10.137.0.1 }"));
  EXPECT_TRUE(Has(Shell("nft list set ip6 dnspin sources"), "\"vif2.0\" . fd09::1 }"));
  EXPECT_TRUE(Has(Shell("nft list set ip dnspin dns-addr"), "{ 192.0.2.54, 192.0.2.55 }"));
  EXPECT_FALSE(Has(Shell("nft list set ip dnspin connected"), "10.137"));
}

}  // namespace
}  // namespace dnspin
