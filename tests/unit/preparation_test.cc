#include "nft/preparation.h"

#include <gtest/gtest.h>

#include "nft/journal.h"
#include "nft/route.h"
#include "nft/surroundings.h"
#include "tests/unit/terse_rule.h"

namespace dnspin {
namespace {

using std::chrono::seconds;

Address A(const std::string& text) { return *Address::Parse(text); }

ServedClient Client() {
  ServedClient client;
  client.desired = {"work", {A("10.137.0.25")}, TerseRules({"accept a.test"}), {"vif4.0"}};
  client.policy.client = "work";
  client.policy.addresses = client.desired.addresses;
  client.policy.rules = client.desired.rules;
  client.policy.interface_indexes = {7};
  client.policy.upstreams = {{*Endpoint::Parse("192.0.2.53"), "eth0"}};
  client.policy.own = {A("10.137.0.6"), A("10.137.0.25")};
  client.ledger.Adopt({1, A("192.0.2.1")},
                      {"a.test", *Name::FromHost("a.test"), BootTime(seconds(100))});
  return client;
}

TEST(DiffersInPlaceOnly, WhereAClientIsAndWhoIsBesideItIsNoMatterForItsRules) {
  const ServedClient before = Client();
  ServedClient next = Client();
  EXPECT_TRUE(DiffersInPlaceOnly(next, before));
  next.policy.interface_indexes = {8, 9};
  next.policy.upstreams.clear();
  next.policy.own.push_back(A("10.137.0.30"));
  EXPECT_TRUE(DiffersInPlaceOnly(next, before));
  EXPECT_EQ(next.policy.interface_indexes.size(), 2U) << "it is left as it is";
  EXPECT_EQ(next.policy.own.size(), 3U);
}

TEST(DiffersInPlaceOnly, WhatTheKernelOrTheReaderMustKnowIsMore) {
  const struct {
    const char* what;
    void (*change)(ServedClient& client);
  } rows[] = {
      {"other interfaces, which the kernel's comment says",
       [](ServedClient& client) { client.desired.interfaces.push_back("vif5.0"); }},
      {"other rules", [](ServedClient& client) { client.policy.rules.clear(); }},
      {"another name", [](ServedClient& client) { client.policy.client = "mail"; }},
      {"another address",
       [](ServedClient& client) { client.policy.addresses.push_back(A("fd09::19")); }},
      {"names that are kept fresh", [](ServedClient& client) { client.policy.prefetch = {0}; }},
      {"other terms", [](ServedClient& client) { client.policy.terms.floor = seconds(7); }},
      {"an address that is pinned becomes ours",
       [](ServedClient& client) { client.policy.own.push_back(A("192.0.2.1")); }},
  };
  for (const auto& row : rows) {
    ServedClient next = Client();
    row.change(next);
    EXPECT_FALSE(DiffersInPlaceOnly(next, Client())) << row.what;
  }
}

TEST(HaveSameTerms, WhatGoesIntoEveryPolicyIsATerm) {
  const Desired then;
  EXPECT_TRUE(HaveSameTerms(Desired(), then));
  const std::vector<void (*)(Desired&)> changes = {
      [](Desired& desired) { desired.pins.floor = seconds(7); },
      [](Desired& desired) { desired.limits.questions_in_flight = 7; },
      [](Desired& desired) { desired.rebind_ok = {TersePattern("a.test")}; },
      [](Desired& desired) { desired.bindings.ech = BindingTerms::Ech::kStrip; },
      [](Desired& desired) { desired.ruleset.intercept_any = true; },
      [](Desired& desired) { desired.ruleset.intercept = {A("10.139.1.1")}; },
      [](Desired& desired) { desired.dns_is_upstream = true; },
      [](Desired& desired) { desired.lists["fastly"] = std::make_shared<const NetworkList>(); },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    Desired now;
    changes[i](now);
    EXPECT_FALSE(HaveSameTerms(now, then)) << i;
  }
}

TEST(IsUntouched, ButNotWhereOtherNamesAreKeptFresh) {
  auto routes = Routes::Create();
  ASSERT_TRUE(routes.ok()) << routes.status();
  Journal journal("/nonexistent");
  const Surroundings surroundings(*routes, journal);
  ServedClient before = Client();
  before.placed = surroundings.revision();
  DesiredClient wanted = before.desired;
  EXPECT_TRUE(IsUntouched(wanted, before, surroundings));
  before.policy.prefetch = {0};
  EXPECT_FALSE(IsUntouched(wanted, before, surroundings));
  std::vector<Rule> fresh(wanted.rules.begin(), wanted.rules.end());
  fresh.at(0).prefetch = true;
  wanted.rules = RuleList(fresh);
  EXPECT_TRUE(IsUntouched(wanted, before, surroundings));
  before.policy.prefetch.clear();
  EXPECT_FALSE(IsUntouched(wanted, before, surroundings));
}

TEST(GiveNetworks, ToEachRuleThatNamesThem) {
  Rule names;
  names.action = Action::kAccept;
  names.networks = std::make_shared<const NetworkList>(NetworkList{"fastly", {}});
  Rule unknown = names;
  unknown.networks = std::make_shared<const NetworkList>(NetworkList{"missing", {}});
  const RuleList file = {names, TerseRule("accept a.test"), unknown};
  const auto full = std::make_shared<const NetworkList>(
      NetworkList{"fastly", {{A("192.0.2.1"), A("192.0.2.9")}}});
  RuleList rules = file;
  const NetworkLists given = GiveNetworks({{"fastly", full}, {"other", full}}, rules);
  EXPECT_EQ(rules[0].networks, full);
  EXPECT_EQ(rules[2].networks, unknown.networks) << "which opens nothing";
  EXPECT_EQ(given, (NetworkLists{{"fastly", full}, {"missing", unknown.networks}}));
  EXPECT_TRUE(file[0].networks->ranges.empty()) << "what the file says is as it was";
}

TEST(KnownByAddress, TheEldestThatHasAFirstAddressAndMayBeTheSameQube) {
  ServedClients clients;
  const auto add = [&](uint32_t number, std::vector<Address> addresses,
                       std::vector<std::string> interfaces) {
    ServedClient& client = clients[ClientId{number}];
    client.id = ClientId{number};
    client.desired.addresses = std::move(addresses);
    client.desired.interfaces = std::move(interfaces);
  };
  add(1, {A("10.137.0.25"), A("10.137.0.26"), A("fd09::19")}, {"vif4.0"});
  add(2, {A("10.137.0.27")}, {});
  add(3, {A("10.137.0.25")}, {"vif5.0"});
  const KnownByAddress known(clients);
  const auto same = [&](std::vector<Address> addresses, std::vector<std::string> interfaces = {}) {
    const ServedClient* found =
        known.FindSame({"any", std::move(addresses), {}, std::move(interfaces)});
    return found == nullptr ? 0 : static_cast<uint32_t>(found->id);
  };
  EXPECT_EQ(same({A("10.137.0.25")}), 1U);
  EXPECT_EQ(same({A("fd09::19")}), 1U);
  EXPECT_EQ(same({A("10.137.0.25")}, {"vif5.0"}), 3U);
  EXPECT_EQ(same({A("10.137.0.25")}, {"vif6.0"}), 0U);
  EXPECT_EQ(same({A("10.137.0.26")}), 0U) << "its sets have another name";
  EXPECT_EQ(same({A("10.137.0.27"), A("fd09::19")}), 2U) << "it gets its other family";
  EXPECT_EQ(same({A("10.137.0.25"), A("fd09::20")}, {"vif4.0"}), 0U);
}

TEST(SetSizeFor, IsNeverFullWhateverTheQuotaWas) {
  ServedClient client = Client();
  client.policy.terms.per_client = 1;
  Ledger held{PinTerms{}};
  EXPECT_EQ(SetSizeFor(client, held), 2U);
  for (int i = 0; i < 10; ++i) {
    held.Adopt({1, A("192.0.2." + std::to_string(i))},
               {"a.test", *Name::FromHost("a.test"), BootTime(seconds(100))});
  }
  EXPECT_EQ(SetSizeFor(client, held), 11U);
}

TEST(MayBeOneQube, UnlessTheyAreKnownToBeElsewhere) {
  using Names = std::vector<std::string>;
  EXPECT_TRUE(MayBeOneQube({}, {}));
  EXPECT_TRUE(MayBeOneQube(Names{"vif4.0"}, {}));
  EXPECT_TRUE(MayBeOneQube(Names{"vif4.0", "vif5.0"}, Names{"vif5.0"}));
  EXPECT_FALSE(MayBeOneQube(Names{"vif4.0"}, Names{"vif5.0", "vif6.0"}));
}

}  // namespace
}  // namespace dnspin
