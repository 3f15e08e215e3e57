// What dnspind takes of a reader's messages, and how much of them in one turn.
#include "nft/pin_service.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "io/packet_pair.h"
#include "pinning/channel_packet.h"
#include "tests/unit/terse_rule.h"

namespace dnspin {
namespace {

using std::chrono::seconds;

constexpr BootTime kNow{seconds(1000)};

class PinServiceTest : public testing::Test {
 protected:
  PinServiceTest() {
    client.id = ClientId{1};
    client.policy.addresses = {*Address::Parse("10.137.0.1"), *Address::Parse("fd09::1")};
    client.policy.rules = TerseRules({"drop x.test", "accept"});
    client.permissions = std::make_shared<const Permissions>(client.policy);
    client.learned.Follow(client.policy.rules);
    auto ends = PacketPair();
    client.channel = std::move(ends->first);
    reader = std::move(ends->second);
  }
  void Send(const std::string& packet) { ASSERT_TRUE(SendPacket(reader.get(), packet).ok()); }

  // How many turns it takes until nothing is left of what was sent.
  int Turns() {
    int turns = 0;
    do {
      EXPECT_FALSE(service.Take(client, kNow).has_value());
      ++turns;
    } while (client.readable);
    return turns;
  }

  struct NoPinner final : Pinner {
    CommitResult Commit(std::span<const PinElement>) override { return {}; }
  } pinner;
  struct StillClock final : Clock {
    BootTime Now() override { return kNow; }
    int64_t WallSeconds() override { return 0; }
  } clock;
  Journal journal{"/nowhere"};
  PinService service{pinner, journal, clock};
  ServedClient client;
  Descriptor reader;
};

// What a reader says faster than it may.
TEST_F(PinServiceTest, AnAnswerOfADropNameOfWhichAPieceIsSkippedIsNoBreach) {
  client.requests = TokenBucket(1, 1);
  for (const bool last : {false, true, false, true}) {
    DropAddresses piece;
    piece.name = *Name::FromHost("x.test");
    piece.addresses = {*Address::Parse("192.0.2.1")};
    piece.generation = client.policy.generation;
    piece.first = !last;
    piece.last = last;
    Send(PacketOf(Encode(FromReader(piece))));
  }
  EXPECT_EQ(Turns(), 1);
  EXPECT_EQ(client.learned.AddressesOf(*Name::FromHost("x.test"), Family::kIpv4), nullptr);
  EXPECT_FALSE(client.drops_due);
}

// Many messages in a packet are no way around a turn's share of 16.
TEST_F(PinServiceTest, WhatIsBeyondItsShareWaitsForTheNextTurn) {
  std::string packet;
  for (int i = 0; i < 40; ++i) {
    packet += PacketOf(Encode(FromReader(RefusalReport{15, Name()})));
  }
  Send(packet);
  EXPECT_EQ(Turns(), 3);
}

TEST_F(PinServiceTest, MessagesAreTakenInOrderAcrossTurns) {
  std::deque<std::string> packets;
  for (uint64_t received = 1; received <= 20; ++received) {
    CountersReport report;
    report.received = received;
    AddMessage(packets, Encode(FromReader(report)));
  }
  ASSERT_EQ(packets.size(), 3U);  // seven, seven and six: two of these are of the first turn
  for (const std::string& packet : packets) {
    Send(packet);
  }
  EXPECT_FALSE(service.Take(client, kNow).has_value());
  EXPECT_EQ(client.counters.received, 16U);
  EXPECT_TRUE(client.readable) << "four are left of what was taken from the channel";
  EXPECT_EQ(Turns(), 1);
  EXPECT_EQ(client.counters.received, 20U);
}

TEST_F(PinServiceTest, HalfAMessageIsABreach) {
  Send(PacketOf(Encode(FromReader(RefusalReport{15, Name()}))).substr(0, 5));
  const auto fault = service.Take(client, kNow);
  ASSERT_TRUE(fault.has_value());
  EXPECT_TRUE(fault->breach);
}

}  // namespace
}  // namespace dnspin
