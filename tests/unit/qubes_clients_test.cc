#include "config/qubes_clients.h"

#include <gtest/gtest.h>

#include "tests/unit/terse_rule.h"

namespace dnspin {
namespace {

using qubesdb::Target;
using qubesdb::View;
using Texts = std::vector<std::string>;

Address Spelt(const std::string& text) { return *Address::Parse(text); }

TargetReader reader;  // what it has read makes no difference

Texts TextsOf(const RuleList& rules) {
  Texts texts;
  for (const Rule& rule : rules) {
    texts.push_back(rule.Text());
  }
  return texts;
}

const Address kV4 = Spelt("10.137.0.25");
const Address kV6 = Spelt("fd09:24ef:4179::a89:19");
const Target kOpen = {{"policy", "drop"}, {"0000", "action=accept"}};

TEST(QubesClients, BothFamiliesOfAnInterfaceAreOneClient) {
  const View view{{{kV4.Text(),
                    {{"policy", "drop"},
                     {"0000", "action=accept dst4=192.0.2.1/32"},
                     {"0002", "action=accept dsthost=a.test"}}},
                   {kV6.Text(),
                    {{"policy", "drop"},
                     {"0001", "action=accept dst6=2001:db8::1/128"},
                     {"0002", "action=accept dsthost=a.test"}}}},
                  {},
                  {}};
  const std::vector<Vif> vifs = {{"vif4.0", {kV6, kV4}}};
  const QubesClients all = ClientsOfQubes(reader, view, vifs, {}, false);
  EXPECT_TRUE(all.diagnostics.empty());
  ASSERT_EQ(all.clients.size(), 1U);
  EXPECT_EQ(all.clients[0].name, "10.137.0.25");
  EXPECT_EQ(all.clients[0].addresses, (std::vector<Address>{kV4, kV6}));
  EXPECT_EQ(TextsOf(all.clients[0].rules),
            (Texts{"action=accept dst4=192.0.2.1/32", "action=accept dst6=2001:db8::1/128",
                   "action=accept dsthost=a.test"}));
}

TEST(QubesClients, WhoHasNoInterfaceOrNoTargetIsNoClient) {
  const View view{{{kV4.Text(), kOpen}, {"10.138.1.1", kOpen}}, {}, {}};
  const std::vector<Vif> vifs = {{"vif4.0", {kV4, kV6}}, {"vif5.0", {Spelt("10.137.0.99")}}};
  const QubesClients all = ClientsOfQubes(reader, view, vifs, {}, false);
  ASSERT_EQ(all.clients.size(), 1U);
  EXPECT_EQ(all.clients[0].addresses, std::vector<Address>{kV4}) << "nothing speaks for IPv6";
}

TEST(QubesClients, TwoInterfacesOfOneAddressAreOneQubes) {
  const View view{{{kV4.Text(), kOpen}}, {}, {}};
  const std::vector<Vif> vifs = {{"vif4.0", {kV4}}, {"vif5.0", {kV4}}};
  EXPECT_EQ(ClientsOfQubes(reader, view, vifs, {}, false).clients.size(), 1U);
}

TEST(QubesClients, ABrokenTargetBlocksItsClientAlone) {
  const View view{{{kV4.Text(), {{"policy", "drop"}, {"0003", "action=accpt"}}},
                   {kV6.Text(), kOpen},
                   {"10.137.0.26", kOpen}},
                  {},
                  {}};
  const std::vector<Vif> vifs = {{"vif4.0", {kV4, kV6}}, {"vif5.0", {Spelt("10.137.0.26")}}};
  const QubesClients all = ClientsOfQubes(reader, view, vifs, {}, false);
  ASSERT_EQ(all.clients.size(), 2U);
  EXPECT_TRUE(all.clients[0].rules.empty());
  EXPECT_EQ(all.clients[1].rules.size(), 1U);
  ASSERT_EQ(all.diagnostics.size(), 1U);
  EXPECT_EQ(all.diagnostics[0].file, "/qubes-firewall/10.137.0.25/0003");
}

// Both targets are of one list; what is only in one of them names an address of its family.
TEST(QubesClients, FamiliesThatDisagreeAreNotSettled) {
  struct Story {
    std::string what;
    Target v4;
    Target v6;
    bool settled;
  };
  const std::vector<Story> stories = {
      {"alike", kOpen, kOpen, true},
      {"another rule", kOpen, {{"policy", "drop"}, {"0000", "action=drop"}}, false},
      {"a rule less", kOpen, {{"policy", "drop"}}, false},
      {"a rule more", {{"policy", "drop"}}, kOpen, false},
      {"a rule of the other family",
       {{"policy", "drop"}, {"0000", "action=accept dst4=192.0.2.1/32"}},
       {{"policy", "drop"}},
       true},
      {"another policy", {{"policy", "drop"}}, {{"policy", "accept"}}, false},
  };
  const std::vector<Vif> vifs = {{"vif4.0", {kV4, kV6}}};
  for (const Story& story : stories) {
    SCOPED_TRACE(story.what);
    for (const bool ipv4_last : {false, true}) {
      const View view{{{kV4.Text(), story.v4}, {kV6.Text(), story.v6}},
                      {},
                      {},
                      {{kV4.Text(), ipv4_last ? 7 : 1}, {kV6.Text(), 5}}};
      const QubesClients all = ClientsOfQubes(reader, view, vifs, {}, false);
      ASSERT_EQ(all.clients.size(), 1U);
      EXPECT_EQ(all.clients[0].name, "10.137.0.25");
      EXPECT_EQ(all.clients[0].unsettled, !story.settled);
      EXPECT_EQ(all.clients[0].addresses,
                story.settled ? (std::vector{kV4, kV6}) : std::vector{ipv4_last ? kV4 : kV6});
      if (!story.settled) {
        const Target& last = ipv4_last ? story.v4 : story.v6;
        EXPECT_EQ(all.clients[0].rules.size(),
                  last.size() - 1 + (last.at("policy") == "accept" ? 1 : 0));
      }
    }
  }
}

TEST(QubesClients, APolicyThatAcceptsIsARuleAtTheEnd) {
  const View view{
      {{kV4.Text(), {{"policy", "accept"}, {"0000", "action=drop proto=tcp"}}}}, {}, {}};
  const std::vector<Vif> vifs = {{"vif4.0", {kV4}}};
  EXPECT_EQ(TextsOf(ClientsOfQubes(reader, view, vifs, {}, false).clients[0].rules),
            (Texts{"action=drop proto=tcp", "action=accept"}));
}

class LocalRules : public testing::Test {
 protected:
  Texts With(const std::vector<std::string>& dom0, const Texts& local, bool dom0_accept = false) {
    View view{{{kV4.Text(), {{"policy", "drop"}}}}, {}, {}};
    for (size_t i = 0; i < dom0.size(); ++i) {
      view.targets[kV4.Text()]["000" + std::to_string(i)] = dom0[i];
    }
    const std::vector<Vif> vifs = {{"vif4.0", {kV4}}};
    const std::vector<ClientConfig> locals = {{"work", {kV4}, TerseRules(local)}};
    all_ = ClientsOfQubes(reader, view, vifs, locals, dom0_accept);
    EXPECT_EQ(all_.clients.size(), 1U);
    EXPECT_EQ(all_.clients[0].name, "work");
    return TextsOf(all_.clients[0].rules);
  }
  QubesClients all_;
};

TEST_F(LocalRules, RestrictAQubeAtTheDefaultOfQubes) {
  EXPECT_EQ(With({"action=accept"}, {"accept a.test"}),
            (Texts{"action=accept dsthost=a.test", "action=accept specialtarget=dns",
                   "action=accept proto=icmp"}));
  ASSERT_EQ(all_.diagnostics.size(), 1U);
  EXPECT_EQ(all_.diagnostics[0].severity, Severity::kWarning);
}

TEST_F(LocalRules, LeaveThePlainAcceptIfTheyAreToldTo) {
  EXPECT_EQ(With({"action=accept"}, {"drop a.test"}, true),
            (Texts{"action=drop dsthost=a.test", "action=accept"}));
  EXPECT_TRUE(all_.diagnostics.empty());
}

TEST_F(LocalRules, StandBehindTheDropsThatNameADestination) {
  EXPECT_EQ(With({"action=accept dst4=192.0.2.1/32", "action=drop dst4=192.0.2.0/24",
                  "action=accept proto=icmp", "action=drop"},
                 {"accept a.test"}),
            (Texts{"action=accept dst4=192.0.2.1/32", "action=drop dst4=192.0.2.0/24",
                   "action=accept dsthost=a.test", "action=accept proto=icmp", "action=drop"}));
  EXPECT_EQ(With({"action=drop", "action=drop dst4=192.0.2.0/24"}, {"accept a.test"}).front(),
            "action=accept dsthost=a.test")
      << "behind the end nothing acts";
}

TEST_F(LocalRules, StandBehindADropOfDns) {
  EXPECT_EQ(With({"action=drop specialtarget=dns", "action=accept"}, {"accept a.test"}),
            (Texts{"action=drop specialtarget=dns", "action=accept dsthost=a.test",
                   "action=accept specialtarget=dns", "action=accept proto=icmp"}));
}

TEST_F(LocalRules, MayNotAcceptAll) {
  EXPECT_EQ(With({"action=accept dst4=192.0.2.1/32"}, {"accept"}), Texts());
  EXPECT_TRUE(HasErrors(all_.diagnostics));
}

TEST_F(LocalRules, OpenNothingWhereDom0sAreBroken) {
  EXPECT_EQ(With({"action=what"}, {"accept a.test"}), Texts());
}

}  // namespace
}  // namespace dnspin
