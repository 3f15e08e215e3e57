#include "resolver/server_list.h"

#include <gtest/gtest.h>

#include <string>

namespace dnspin {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const BootTime kNow{seconds(1000)};

std::vector<Upstream> Servers(int count) {
  std::vector<Upstream> servers;
  for (int i = 1; i <= count; ++i) {
    servers.push_back({*Endpoint::Parse("192.0.2." + std::to_string(i)), "eth0"});
  }
  return servers;
}

// Serials count from 1.
TEST(ServerListNews, IsToldOnceAndASecondLaterWhatCameSince) {
  ServerList list;
  list.Set(Servers(2));
  EXPECT_EQ(list.NewsDue(), std::nullopt);
  EXPECT_TRUE(list.TakeNews(kNow).empty());
  list.Answered(2, milliseconds(3), kNow);
  ASSERT_TRUE(list.NewsDue() && *list.NewsDue() <= kNow);
  const Endpoint two = *Endpoint::Parse("192.0.2.2");
  EXPECT_EQ(list.TakeNews(kNow + milliseconds(4)),
            (std::vector<UpstreamReport>{{two, false, 1, 0, {{4, 3000}}}}));
  EXPECT_EQ(list.NewsDue(), std::nullopt);
  list.Answered(2, milliseconds(3), kNow + milliseconds(5));
  list.Failed(2, kNow + milliseconds(500));
  list.Failed(2, kNow + milliseconds(900));
  EXPECT_EQ(list.NewsDue(), kNow + milliseconds(1004));
  EXPECT_TRUE(list.TakeNews(kNow + milliseconds(1003)).empty());
  // What is made up while it fails, to ask others first, is no round trip.
  EXPECT_EQ(list.TakeNews(kNow + milliseconds(1005)),
            (std::vector<UpstreamReport>{{two, true, 1, 2, {{1000, 3000}}}}));
}

TEST(ServerListNews, OneThatNeverAnsweredHasNoRoundTrip) {
  ServerList list;
  list.Set(Servers(1));
  list.Failed(1, kNow);
  EXPECT_EQ(
      list.TakeNews(kNow),
      (std::vector<UpstreamReport>{{*Endpoint::Parse("192.0.2.1"), true, 0, 1, std::nullopt}}));
}

TEST(ServerListNews, SoManyAtOnceAndTheOthersNext) {
  ServerList list;
  list.Set(Servers(20));
  for (uint32_t serial = 1; serial <= 20; ++serial) {
    list.Failed(serial, kNow);
  }
  EXPECT_EQ(list.TakeNews(kNow).size(), 16U);
  EXPECT_EQ(list.NewsDue(), kNow + seconds(1));
  EXPECT_EQ(list.TakeNews(kNow + seconds(1)).size(), 4U);
  EXPECT_EQ(list.NewsDue(), std::nullopt);
}

}  // namespace
}  // namespace dnspin
