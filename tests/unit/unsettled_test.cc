#include "nft/unsettled.h"

#include <gtest/gtest.h>

#include "tests/unit/terse_rule.h"

namespace dnspin {
namespace {

using std::chrono::milliseconds;

const Address kV4 = *Address::Parse("10.137.0.25");
const Address kV6 = *Address::Parse("fd09::19");

DesiredClient Qube(const std::string& vif, std::vector<Address> addresses, const std::string& rule,
                   bool unsettled = false) {
  return {vif, std::move(addresses), TerseRules({rule}), {vif}, "", unsettled};
}

Desired Of(std::vector<DesiredClient> clients) {
  Desired desired;
  desired.clients = std::move(clients);
  return desired;
}

class UnsettledTest : public testing::Test {
 protected:
  const DesiredClient& Kept(Desired& desired, const Desired& in_force, milliseconds after) {
    unsettled.Keep(desired, in_force, began + after);
    return desired.clients.front();
  }
  Unsettled unsettled;
  BootTime began{std::chrono::hours(1)};
  const Desired before = Of({Qube("vif4.0", {kV4, kV6}, "accept a.test")});
};

TEST_F(UnsettledTest, WhatWasInForceStaysForAMomentOnly) {
  for (const int after : {0, 400, 999}) {
    Desired next = Of({Qube("vif4.0", {kV4}, "accept b.test", true)});
    EXPECT_EQ(Kept(next, before, milliseconds(after)).rules, before.clients[0].rules);
    EXPECT_EQ(next.clients[0].addresses, before.clients[0].addresses);
    EXPECT_EQ(unsettled.NextDeadline(), began + Unsettled::kMax);
    EXPECT_TRUE(unsettled.Keeps(kV4) && unsettled.Keeps(kV6));
    EXPECT_FALSE(unsettled.Keeps(*Address::Parse("10.137.0.26")));  // others are told at once
  }
  EXPECT_FALSE(unsettled.TakeDue(began + milliseconds(999)));
  EXPECT_TRUE(unsettled.TakeDue(began + milliseconds(1000)));
  EXPECT_FALSE(unsettled.TakeDue(began + milliseconds(1000)));
  Desired next = Of({Qube("vif4.0", {kV4}, "accept b.test", true)});
  EXPECT_EQ(Kept(next, before, milliseconds(1000)).addresses, std::vector{kV4});
  EXPECT_EQ(next.warnings.size(), 1U);
  EXPECT_FALSE(unsettled.Keeps(kV4) || unsettled.Keeps(kV6));
  EXPECT_EQ(unsettled.NextDeadline(), std::nullopt);
}

TEST_F(UnsettledTest, WhoIsSettledBeginsAnew) {
  Desired next = Of({Qube("vif4.0", {kV4}, "accept b.test", true)});
  Kept(next, before, milliseconds(0));
  Desired settled = Of({Qube("vif4.0", {kV4, kV6}, "accept b.test")});
  EXPECT_EQ(Kept(settled, before, milliseconds(900)).rules, TerseRules({"accept b.test"}));
  EXPECT_EQ(unsettled.NextDeadline(), std::nullopt);
  Kept(next, before, milliseconds(5000));
  EXPECT_TRUE(next.warnings.empty());
}

TEST_F(UnsettledTest, AnotherQubeKeepsNothingOfTheFormer) {
  Desired next = Of({Qube("vif5.0", {kV4}, "accept b.test", true)});
  EXPECT_EQ(Kept(next, before, milliseconds(0)).rules, TerseRules({"accept b.test"}));
  // And an address that is another's meanwhile is not kept.
  next = Of({Qube("vif4.0", {kV4}, "accept b.test", true), Qube("vif5.0", {kV6}, "accept c.test")});
  EXPECT_EQ(Kept(next, before, milliseconds(1)).addresses, std::vector{kV4});
}

}  // namespace
}  // namespace dnspin
