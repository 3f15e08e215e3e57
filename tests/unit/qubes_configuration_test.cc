#include "config/qubes_configuration.h"

#include <gtest/gtest.h>

#include "tests/unit/diagnostic_text.h"
#include "tests/unit/terse_rule.h"

namespace dnspin {
namespace {

using qubesdb::Target;
using qubesdb::View;

TargetReader reader;

Address Spelt(const std::string& text) { return *Address::Parse(text); }

const Target kOpen = {{"policy", "drop"}, {"0000", "action=accept"}};
const std::vector<Vif> kVifs = {{"vif4.0", {Spelt("10.137.0.25")}}};

View OneClient() { return {{{"10.137.0.25", kOpen}}, {}, {}}; }

TEST(QubesConfiguration, WhatQubesDbSaysOfTheNetvm) {
  View view = OneClient();
  view.values = {{"/connected-ips", "10.137.0.26 10.137.0.25 what"},
                 {"/connected-ips6", "fd09::19"},
                 {"/qubes-netvm-primary-dns", "10.139.1.1"},
                 {"/qubes-netvm-secondary-dns", "10.139.7.2"}};
  const QubesConfiguration made = ConfigurationOfQubes({}, reader, view, kVifs);
  EXPECT_EQ(made.connected,
            (std::vector{Spelt("10.137.0.25"), Spelt("10.137.0.26"), Spelt("fd09::19")}));
  EXPECT_EQ(made.settings.intercept,
            (std::vector{Spelt("10.139.1.1"), Spelt("10.139.1.2"), Spelt("10.139.7.2")}));
  EXPECT_EQ(Said(made.diagnostics), "/connected-ips:1:25: error: not an address: 'what'\n");
  ASSERT_EQ(made.clients.size(), 1U);
  EXPECT_EQ(made.clients[0].interfaces, std::vector<std::string>{"vif4.0"});
}

TEST(QubesConfiguration, InterfacesThatAreNotClientsAreNone) {
  const std::vector<Vif> vifs = {{"eth0", {Spelt("10.137.0.25")}},
                                 {"vif*", {Spelt("10.137.0.25")}}};
  EXPECT_TRUE(ConfigurationOfQubes({}, reader, OneClient(), vifs).clients.empty());
}

TEST(QubesConfiguration, FilesStandBeforeVmConfig) {
  Configuration files;
  files.clients = {{"work", {Spelt("10.137.0.25")}, TerseRules({"accept a.test"})}};
  View view = OneClient();
  view.files["more"] = "address 10.137.0.25;b.test";
  const QubesConfiguration made = ConfigurationOfQubes(files, reader, view, kVifs);
  ASSERT_EQ(made.clients.size(), 1U);
  ASSERT_EQ(made.clients[0].rules.size(), 4U);
  EXPECT_EQ(made.clients[0].rules[0].Text(), "action=accept dsthost=a.test");
  EXPECT_EQ(made.clients[0].rules[1].Text(), "action=accept dsthost=b.test");
}

TEST(QubesConfiguration, AVmConfigWithAnErrorBlocksItsClient) {
  View view = OneClient();
  view.files["work"] = "address 10.137.0.25;accpet b.test";
  const QubesConfiguration made = ConfigurationOfQubes({}, reader, view, kVifs);
  ASSERT_EQ(made.clients.size(), 1U);
  EXPECT_TRUE(made.clients[0].rules.empty());
  EXPECT_NE(made.clients[0].fault, "");
}

TEST(QubesConfiguration, AFileThatIsCalledLikeAnotherQubesAddressNamesNobody) {
  Configuration files;
  files.clients = {{"10.137.0.26", {Spelt("10.137.0.25")}, TerseRules({"accept a.test"})}};
  const QubesConfiguration made = ConfigurationOfQubes(files, reader, OneClient(), kVifs);
  ASSERT_EQ(made.clients.size(), 1U);
  EXPECT_EQ(made.clients[0].name, "10.137.0.25");
}

TEST(QubesConfiguration, OneFileOfTwoQubesNamesOne) {
  Configuration files;
  const Address other = Spelt("10.137.0.26");
  files.clients = {{"work", {Spelt("10.137.0.25"), other}, TerseRules({"accept a.test"})}};
  View view = OneClient();
  view.targets["10.137.0.26"] = kOpen;
  const std::vector<Vif> vifs = {kVifs[0], {"vif5.0", {other}}};
  const QubesConfiguration made = ConfigurationOfQubes(files, reader, view, vifs);
  ASSERT_EQ(made.clients.size(), 2U);
  EXPECT_NE(made.clients[0].name, made.clients[1].name);
}

}  // namespace
}  // namespace dnspin
