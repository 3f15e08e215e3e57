#include "nft/published_names.h"

#include <gtest/gtest.h>

#include "tests/unit/board.h"
#include "tests/unit/terse_rule.h"

namespace dnspin {
namespace {

using std::chrono::seconds;

Address Spelt(const std::string& text) { return *Address::Parse(text); }

TEST(PublishedText, IsWhatPythonWritesOfASet) {
  EXPECT_EQ(PublishedText({}), "");
  EXPECT_EQ(PublishedText({Spelt("127.0.0.1")}), "{'127.0.0.1/32'}");
  EXPECT_EQ(PublishedText({Spelt("192.0.2.1"), Spelt("192.0.2.2")}),
            "{'192.0.2.1/32', '192.0.2.2/32'}");
  std::set<Address> many;
  for (int i = 0; i < 1000; ++i) {
    many.insert(Spelt("192.0." + std::to_string(i / 250) + "." + std::to_string(i % 250)));
  }
  EXPECT_LE(PublishedText(many).size(), 3071U);
  EXPECT_GE(PublishedText(many).size(), 3040U);
  EXPECT_TRUE(PublishedText(many).ends_with("/32'}"));
}

class PublishedNamesTest : public testing::Test {
 protected:
  PublishedNamesTest() : names(board) {
    ServedClient& client = clients[ClientId{1}];
    client.desired.addresses = {Spelt("10.137.0.25"), Spelt("fd09::19")};
    client.policy.rules = TerseRules(
        {"accept a.test", "accept .zone.test", "accept " + std::string(60, 'l') + ".test"});
    Pin("a.test", "192.0.2.1");
    Pin("a.test", "2001:db8::1");
    Pin("w.zone.test", "192.0.2.9");
    Pin(std::string(60, 'l') + ".test", "192.0.2.7");
  }
  void Pin(const std::string& name, const std::string& address) {
    clients[ClientId{1}].ledger.Adopt({1, Spelt(address)},
                                      {name, *Name::FromHost(name), now + seconds(100)});
  }
  Board board;
  PublishedNames names;
  ServedClients clients;
  BootTime now{seconds(1000)};
};

TEST_F(PublishedNamesTest, ExactNamesByTheAddressesOfTheirClient) {
  board.tree = {{"/dns/10.137.0.25/old.test", "x"}, {"/dns/10.137.0.26/b.test", "x"}};
  names.Tell(clients, now);
  EXPECT_EQ(board.tree,
            (std::map<std::string, std::string>{{"/dns/10.137.0.25/a.test", "{'192.0.2.1/32'}"},
                                                {"/dns/10.137.0.26/b.test", "x"},
                                                {"/dns/fd09::19/a.test", "{'2001:db8::1/128'}"}}));
}

TEST_F(PublishedNamesTest, OnlyWhatDiffersIsWritten) {
  names.Tell(clients, now);
  names.Tell(clients, now + seconds(2));
  EXPECT_EQ(board.writes, 2U);
  Pin("a.test", "192.0.2.2");
  names.Tell(clients, now + seconds(2));
  EXPECT_EQ(board.writes, 2U) << "too soon";
  EXPECT_EQ(names.NextDeadline(), now + seconds(3));
  names.Tell(clients, now + seconds(3));
  EXPECT_EQ(board.tree["/dns/10.137.0.25/a.test"], "{'192.0.2.1/32', '192.0.2.2/32'}");
  EXPECT_EQ(board.writes, 3U);
}

TEST_F(PublishedNamesTest, WhatGoesIsTakenBack) {
  names.Tell(clients, now);
  clients[ClientId{1}].policy.rules.clear();
  names.Tell(clients, now + seconds(2));
  EXPECT_TRUE(board.tree.empty());
}

TEST_F(PublishedNamesTest, AnotherQubesDbIsToldAll) {
  names.Tell(clients, now);
  board.tree.clear();
  ++board.connections;
  names.Tell(clients, now + seconds(2));
  EXPECT_EQ(board.tree.size(), 2U);
}

}  // namespace
}  // namespace dnspin
