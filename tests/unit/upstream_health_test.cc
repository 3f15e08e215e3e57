#include "nft/upstream_health.h"

#include <gtest/gtest.h>

#include "nft/served_client.h"

namespace dnspin {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const BootTime kNow{seconds(1000)};
const Endpoint kOne = *Endpoint::Parse("192.0.2.53");
const Endpoint kTwo = *Endpoint::Parse("192.0.2.63");
const std::vector<Upstream> kBoth = {{kOne, "eth0"}, {kTwo, "eth0"}};

UpstreamReport Answers(const Endpoint& server, uint32_t count, uint32_t ago_ms, uint32_t us) {
  return {server, false, count, 0, UpstreamReport::Answered{ago_ms, us}};
}

UpstreamReport Fails(const Endpoint& server) { return {server, true, 0, 1, std::nullopt}; }

TEST(UpstreamHealth, CountsGrowAndTheLastWordIsItsState) {
  HealthByUpstream health;
  TakeReport(Fails(kOne), kBoth, health, kNow);
  ASSERT_EQ(health.size(), 1U);
  const UpstreamHealth& one = health.at(kOne);
  EXPECT_TRUE(one.failing);
  EXPECT_FALSE(one.answered);
  TakeReport(Answers(kOne, 7, 300, 2500), kBoth, health, kNow + seconds(1));
  EXPECT_FALSE(one.failing);
  EXPECT_EQ(one.answered, kNow + milliseconds(700));
  EXPECT_EQ(one.round_trip, std::chrono::microseconds(2500));
  TakeReport(Fails(kOne), kBoth, health, kNow + seconds(1));
  EXPECT_TRUE(one.failing) << "in the same turn, but later";
  EXPECT_EQ(one.answered, kNow + milliseconds(700));
  EXPECT_EQ(one.answers, 7U);
  EXPECT_EQ(one.failures, 2U);
}

TEST(UpstreamHealth, WhomNobodyIsToAskNobodyHears) {
  HealthByUpstream health;
  const Endpoint stranger = *Endpoint::Parse("192.0.2.53:54");
  TakeReport(Fails(stranger), kBoth, health, kNow);
  EXPECT_TRUE(health.empty());
  TakeReport(Fails(kOne), kBoth, health, kNow);
  TakeReport(Fails(kTwo), kBoth, health, kNow);
  EXPECT_EQ(health.size(), 2U);
  TakeReport(Fails(kOne), std::span(kBoth).last(1), health, kNow);
  ASSERT_EQ(health.size(), 1U) << "one that is gone is forgotten";
  EXPECT_TRUE(health.contains(kTwo));
}

TEST(UpstreamHealth, OfSeveralReadersTheNewestWordCounts) {
  ServedClients clients;
  EXPECT_FALSE(HealthOf(clients, kOne));
  const auto says = [&](uint32_t client, const UpstreamReport& report, BootTime now) {
    TakeReport(report, kBoth, clients[ClientId{client}].upstreams, now);
  };
  says(1, Fails(kOne), kNow);
  says(2, Answers(kOne, 3, 0, 900), kNow + seconds(1));
  EXPECT_FALSE(HealthOf(clients, kOne)->failing);
  EXPECT_FALSE(HealthOf(clients, kTwo));
  says(1, Fails(kOne), kNow + seconds(2));
  const auto health = HealthOf(clients, kOne);
  EXPECT_TRUE(health->failing);
  EXPECT_EQ(health->answers, 3U);
  EXPECT_EQ(health->failures, 2U);
  EXPECT_EQ(health->answered, kNow + seconds(1));
}

}  // namespace
}  // namespace dnspin
