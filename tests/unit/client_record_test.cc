// What is remembered of a client for who wants to see it, and for how long.
#include "nft/client_record.h"

#include <gtest/gtest.h>

#include <string>

#include "nft/seen_packets.h"
#include "pinning/answer.h"

namespace dnspin {
namespace {

using std::chrono::seconds;

constexpr BootTime kNow{seconds(1000)};

Name N(const std::string& text) { return *Name::FromHost(text); }
Address A(const std::string& text) { return *Address::Parse(text); }

AnswerReport Answered(const std::string& name, const std::vector<std::string>& addresses) {
  AnswerReport report;
  report.asked = N(name);
  for (const std::string& address : addresses) {
    report.addresses.push_back(A(address));
  }
  return report;
}

TEST(ClientRecord, AnAnswerIsFoundByNameAndByAddress) {
  ClientRecord record;
  record.Take(Answered("a.test", {"192.0.2.1"}), kNow);
  record.Take(Answered("b.test", {"192.0.2.1", "192.0.2.2"}), kNow + seconds(1));
  ASSERT_EQ(record.With(A("192.0.2.1")).size(), 2U);
  EXPECT_EQ(record.With(A("192.0.2.1")).front()->name, N("b.test"));
  EXPECT_EQ(record.With(A("192.0.2.9")).size(), 0U);
  EXPECT_EQ(record.Find(N("a.test"))->last, kNow);
  EXPECT_EQ(record.Find(N("c.test")), nullptr);
}

TEST(ClientRecord, AnswersAddUpAndTheLatestComesFirst) {
  ClientRecord record;
  record.Take(Answered("a.test", {"192.0.2.1"}), kNow);
  record.Take(Answered("a.test", {"2001:db8::1"}), kNow + seconds(1));
  record.Take(Answered("a.test", {}), kNow + seconds(2));  // of another type
  const AskedName& asked = *record.Find(N("a.test"));
  EXPECT_EQ(asked.addresses, (std::vector<Address>{A("2001:db8::1"), A("192.0.2.1")}));
  EXPECT_EQ(asked.count, 3U);
  EXPECT_EQ(asked.first, kNow);
  EXPECT_EQ(asked.last, kNow + seconds(2));
}

TEST(ClientRecord, ARefusalIsTheLastWordUntilAnAnswer) {
  ClientRecord record;
  record.Take(Answered("a.test", {"192.0.2.1"}), kNow);
  record.Take(RefusalReport{dns::kEdeBlocked, N("a.test")}, kNow);
  EXPECT_EQ(record.Find(N("a.test"))->refused, dns::kEdeBlocked);
  EXPECT_EQ(record.Find(N("a.test"))->addresses.size(), 1U);
  record.Take(Answered("a.test", {}), kNow);
  EXPECT_EQ(record.Find(N("a.test"))->refused, std::nullopt);
}

TEST(ClientRecord, TheOldestIsForgotten) {
  ClientRecord record;
  for (size_t i = 0; i <= ClientRecord::kNamesMax; ++i) {
    record.Take(Answered("n" + std::to_string(i) + ".test", {}), kNow);
    record.Take(RefusalReport{0, N("kept.test")}, kNow);
  }
  EXPECT_EQ(record.names().size(), ClientRecord::kNamesMax);
  EXPECT_EQ(record.Find(N("n0.test")), nullptr);
  EXPECT_NE(record.Find(N("kept.test")), nullptr);
  AnswerReport many = Answered("many.test", {});
  for (size_t i = 0; i < 3; ++i) {
    many.addresses.clear();
    for (size_t host = 0; host < kAddressesPerRequest; ++host) {
      many.addresses.push_back(A("192.0." + std::to_string(i) + "." + std::to_string(host)));
    }
    record.Take(many, kNow);
  }
  EXPECT_EQ(record.Find(N("many.test"))->addresses.size(), ClientRecord::kAddressesMax);
}

LoggedPacket To(const std::string& address, uint16_t port, bool accepted = false) {
  return {A("10.137.0.25"), A(address), 6, port, accepted};
}

TEST(SeenPackets, AreCountedByKindAndTheOldestIsForgotten) {
  SeenPackets packets;
  packets.Take(To("192.0.2.1", 443), kNow);
  packets.Take(To("192.0.2.1", 22), kNow + seconds(1));
  packets.Take(To("192.0.2.1", 443), kNow + seconds(2));
  ASSERT_EQ(packets.all().size(), 2U);
  EXPECT_EQ(packets.all().front().packet.port, 443);
  EXPECT_EQ(packets.all().front().count, 2U);
  EXPECT_EQ(packets.all().front().first, kNow);
  packets.Take(To("192.0.2.1", 443, true), kNow);
  EXPECT_EQ(packets.all().size(), 3U) << "let go: another kind";
  for (uint16_t port = 1; port <= SeenPackets::kMax; ++port) {
    packets.Take(To("192.0.2.2", port), kNow);
  }
  EXPECT_EQ(packets.all().size(), SeenPackets::kMax);
  EXPECT_EQ(packets.UsedWith(std::vector{A("192.0.2.1")}), std::vector<std::string>());
}

TEST(SeenPackets, ServicesThatWereUsed) {
  SeenPackets packets;
  packets.Take(To("192.0.2.1", 443, true), kNow);
  packets.Take(To("192.0.2.2", 443, true), kNow);
  packets.Take(To("192.0.2.2", 80, true), kNow);
  packets.Take(To("192.0.2.2", 22), kNow);
  packets.Take({A("10.137.0.25"), A("192.0.2.2"), 1}, kNow);
  EXPECT_EQ(packets.UsedWith(std::vector{A("192.0.2.1"), A("192.0.2.2")}),
            (std::vector<std::string>{"tcp/80", "tcp/443"}));
}

}  // namespace
}  // namespace dnspin
