// The firewall as a whole: installed, found again, torn down.

#include "nft/firewall.h"

#include <algorithm>
#include <sstream>
#include <string>
#include <thread>

#include "tests/netns/firewall_fixture.h"

namespace dnspin {
namespace {

INSTANTIATE_TEST_SUITE_P(Way, FirewallTest,
                         ::testing::Values(RefreshWay::kInPlace, RefreshWay::kAddDeleteAdd));

TEST_P(FirewallTest, AsTheContractSaysAnAdministratorReadsIt) {
  Install({Terms(),
           {Client({"10.137.0.25", "fd09::19"}, {AcceptHost("a.example", Tcp(443))})},
           {{A("10.137.0.25"), 4053}, {A("fd09::19"), 4053}},
           {Element("pin-10-137-0-25-1", "192.0.2.1", seconds(100), ".a.example < b.a.example"),
            Element("pin-fd09--19-1", "2001:db8::1", seconds(100))}});
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
      {Element("pin-10-137-0-25-1", "192.0.2.1", seconds(100))}};
  Install(ruleset);
  const std::string once = Structure();
  Install(ruleset);
  Install(ruleset);
  EXPECT_EQ(Structure(), once);
  EXPECT_EQ(PinTexts(), "pin-10-137-0-25-1 192.0.2.1\n");
}

TEST_P(FirewallTest, ARestartFindsItsPinsAndForgetsTheRest) {
  std::vector<PinElement> pins;
  pins.reserve(4097);
  for (int i = 0; i < 4096; ++i) {
    pins.push_back(Element("pin-10-137-0-25-1",
                           "198.18." + std::to_string(i / 256) + "." + std::to_string(i % 256),
                           seconds(300), ".example < name" + std::to_string(i) + ".example"));
  }
  pins.push_back(Element("pin-fd09--19-1", "2001:db8::1", seconds(100)));
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
                          [](const KernelPin& pin) { return !pin.comment.empty(); }));

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
  EXPECT_FALSE(Has(Shell("nft list table ip dnspin"), "oifname"));
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
      Terms(), {client, stays}, {}, {Element("pin-10-137-0-25-1", "192.0.2.1", seconds(60))}};
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
  Apply({{{{}, client}}, {}, {Element("pin-10-137-0-25-1", "192.0.2.9", seconds(60))}, {}});
  EXPECT_EQ(PinTexts(), "pin-10-137-0-25-1 192.0.2.9\n");
}

TEST_P(FirewallTest, AFailureLeavesAllAsItWas) {
  const ClientRules client = Client({"10.137.0.25"}, {AcceptHost("a.example")});
  const Ruleset good{
      Terms(), {client}, {}, {Element("pin-10-137-0-25-1", "192.0.2.1", seconds(60))}};
  EXPECT_FALSE(firewall_->Apply({{{{}, client}}, {}, {}, {}}).ok());  // nothing is there yet
  EXPECT_EQ(Structure(), "");
  Install(good);
  const std::string once = Structure();
  Ruleset bad{Terms(), {}, {}, {Element("pin-nowhere-1", "192.0.2.2", seconds(60))}};
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
  std::vector<std::string> rules;
  std::istringstream lines(Shell("nft list chain ip dnspin forward"));
  for (std::string line; std::getline(lines, line);) {
    rules.push_back(line);
  }
  ASSERT_GT(rules.size(), 5U);
  std::thread installer([&] {
    for (int i = 0; i < 50; ++i) {
      Install(ruleset);
    }
  });
  for (int i = 0; i < 20; ++i) {
    // A listing in the middle of a commit may show rules of before and of after.
    const std::string seen = Shell("nft list chain ip dnspin forward");
    for (const std::string& rule : rules) {
      EXPECT_TRUE(Has(seen, rule)) << rule << " in " << seen;
    }
  }
  installer.join();
}

}  // namespace
}  // namespace dnspin
