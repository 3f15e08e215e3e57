#include "config/qubesdb_mirror.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/qubesdb_server.h"

namespace dnspin::qubesdb {
namespace {

class MirrorTest : public testing::Test {
 protected:
  void Begin() { server.Hear(mirror.Begin({"10.0.0.1", "10.137.0.25", "fd09::a89:19"})); }
  // Lets so many messages arrive, or all there are and will be.
  void Arrive(size_t count = SIZE_MAX) {
    for (; count > 0 && !server.said.empty(); --count) {
      const Message message = server.said.front();
      server.said.pop_front();
      auto commands = mirror.Take(message);
      ASSERT_TRUE(commands.ok()) << commands.status();
      server.Hear(*commands);
    }
  }
  // As dom0 writes a target.
  void WriteTarget(const std::string& address, const std::vector<std::string>& rules) {
    const std::string folder = "/qubes-firewall/" + address;
    server.Remove(folder + "/");
    server.Write(folder + "/policy", "drop");
    for (size_t i = 0; i < rules.size(); ++i) {
      server.Write(folder + "/000" + std::to_string(i), rules[i]);
    }
    server.Write(folder, "");
  }
  const Target& Of(const std::string& address) { return mirror.view().targets.at(address); }

  Server server;
  Mirror mirror;
};

TEST_F(MirrorTest, ReadsAllThatThereIs) {
  server.tree = {{"/qubes-firewall/10.137.0.25", ""},
                 {"/qubes-firewall/10.137.0.25/policy", "drop"},
                 {"/qubes-firewall/10.137.0.25/0000", "action=accept"},
                 {"/qubes-firewall/10.137.0.25/0007", "action=drop"},
                 {"/qubes-firewall/fd09::a89:19/policy", "drop"},
                 {"/qubes-firewall-handled/10.137.0.25", "3"},
                 {"/connected-ips", "10.137.0.25 10.137.0.26"},
                 {"/qubes-netvm-primary-dns", "10.139.1.1"},
                 {"/vm-config/dnspin.work", "accept a.test;accept b.test"},
                 {"/vm-config/dnspinx", "no"},
                 {"/vm-config/other", "no"}};
  EXPECT_FALSE(mirror.whole());
  Begin();
  Arrive();
  EXPECT_TRUE(mirror.whole());
  const View wanted = {
      {{"10.137.0.25", {{"policy", "drop"}, {"0000", "action=accept"}, {"0007", "action=drop"}}},
       {"fd09::a89:19", {{"policy", "drop"}}}},
      {{"work", "accept a.test;accept b.test"}},
      {{"/connected-ips", "10.137.0.25 10.137.0.26"}, {"/qubes-netvm-primary-dns", "10.139.1.1"}}};
  View seen = mirror.view();
  EXPECT_LT(seen.orders.at("10.137.0.25"), 100U);
  seen.orders.clear();
  EXPECT_EQ(seen, wanted);
}

TEST_F(MirrorTest, AnEmptyDatabaseIsWholeToo) {
  Begin();
  Arrive();
  EXPECT_TRUE(mirror.whole());
  EXPECT_EQ(mirror.view(), View());
}

TEST_F(MirrorTest, ATargetIsReadAtItsTriggerAlone) {
  Begin();
  Arrive();
  const uint64_t before = mirror.changes();
  server.Write("/qubes-firewall/10.0.0.1/policy", "drop");
  server.Write("/qubes-firewall/10.0.0.1/0000", "action=accept");
  Arrive();
  EXPECT_EQ(mirror.changes(), before);
  server.Write("/qubes-firewall/10.0.0.1", "");
  Arrive();
  EXPECT_GT(mirror.changes(), before);
  EXPECT_EQ(Of("10.0.0.1"), (Target{{"policy", "drop"}, {"0000", "action=accept"}}));
}

TEST_F(MirrorTest, WhatIsReadInTheMiddleOfAChangeDoesNotCount) {
  WriteTarget("10.0.0.1", {"action=accept"});
  server.said.clear();
  Begin();
  Arrive();
  const Target before = Of("10.0.0.1");
  // The trigger of one change, and before the reading that follows dom0 begins the next.
  WriteTarget("10.0.0.1", {"action=drop", "action=accept"});
  server.Remove("/qubes-firewall/10.0.0.1/");
  Arrive();
  EXPECT_EQ(Of("10.0.0.1"), before);
  server.Write("/qubes-firewall/10.0.0.1/policy", "drop");
  server.Write("/qubes-firewall/10.0.0.1/0000", "action=drop");
  Arrive();
  EXPECT_EQ(Of("10.0.0.1"), before);
  server.Write("/qubes-firewall/10.0.0.1", "");
  Arrive();
  EXPECT_EQ(Of("10.0.0.1"), (Target{{"policy", "drop"}, {"0000", "action=drop"}}));
}

TEST_F(MirrorTest, TheFirstReadingInTheMiddleOfAChangeWaitsForItsTrigger) {
  WriteTarget("10.0.0.9", {"action=accept"});
  Begin();
  Arrive();
  server.Remove("/qubes-firewall/10.0.0.9/");
  server.Write("/qubes-firewall/10.0.0.9/policy", "drop");
  Arrive();
  server.Hear(mirror.Follow({"10.0.0.9"}, {}));  // its qube has come
  EXPECT_FALSE(mirror.whole());
  Arrive();
  EXPECT_TRUE(mirror.whole());
  EXPECT_TRUE(mirror.view().targets.empty()) << "closed until it is known";
  server.Write("/qubes-firewall/10.0.0.9", "");
  Arrive();
  EXPECT_EQ(Of("10.0.0.9"), (Target{{"policy", "drop"}}));
}

// dom0 never removes a target: those of qubes that are gone are neither read nor kept.
TEST_F(MirrorTest, WhoIsNotThereCostsNothing) {
  for (int i = 0; i < 20'000; ++i) {
    server.tree["/qubes-firewall/10.138." + std::to_string(i) + "/policy"] = "drop";
  }
  Begin();
  Arrive();
  EXPECT_TRUE(mirror.view().targets.empty());
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(mirror.Take({Type::kWatchFired, "/qubes-firewall/" + std::to_string(i), ""}).ok());
  }
  server.Hear(mirror.Follow({"10.138.7"}, {}));
  EXPECT_EQ(mirror.TakeTold().size(), 0U) << "their counts are not known yet";
}

TEST_F(MirrorTest, AnAddressThatIsAnotherQubesIsReadAnew) {
  WriteTarget("10.0.0.1", {"action=accept"});
  Begin();
  Arrive();
  EXPECT_EQ(mirror.view().targets.size(), 1U);
  const auto commands = mirror.Follow({"10.0.0.1"}, {"10.0.0.1"});
  EXPECT_TRUE(mirror.view().targets.empty());
  EXPECT_FALSE(mirror.whole());
  server.Hear(commands);
  Arrive();
  EXPECT_EQ(mirror.view().targets.size(), 1U);
  server.Hear(mirror.Follow({}, {}));
  EXPECT_TRUE(mirror.view().targets.empty());
  EXPECT_TRUE(mirror.view().orders.empty());
}

TEST_F(MirrorTest, CountsTriggersAlsoOfWhoIsNotThere) {
  server.tree = {{"/qubes-firewall-handled/10.0.0.9", "41"}};
  WriteTarget("10.0.0.1", {"action=accept"});
  Begin();
  Arrive();
  using Told = std::map<std::string, uint32_t>;
  EXPECT_EQ(mirror.TakeTold(), (Told{{"10.0.0.1", 1}})) << "the beginning is one";
  server.Write("/qubes-firewall/10.0.0.9", "");
  server.Write("/qubes-firewall/10.0.0.9", "");
  server.Write("/qubes-firewall/10.0.0.1", "");
  Arrive();
  EXPECT_EQ(mirror.TakeTold(), (Told{{"10.0.0.1", 1}, {"10.0.0.9", 2}}));
  EXPECT_EQ(mirror.handled().at("10.0.0.9"), "41");
  server.Hear({mirror.Write("/qubes-firewall-handled/10.0.0.9", "43")});
  Arrive();
  EXPECT_EQ(mirror.handled().at("10.0.0.9"), "43");
  EXPECT_EQ(server.tree.at("/qubes-firewall-handled/10.0.0.9"), "43");
}

TEST_F(MirrorTest, EveryInterleavingEndsWithWhatStandsThere) {
  for (size_t step = 0; step < 40; ++step) {
    server = Server();
    mirror = Mirror();
    WriteTarget("10.0.0.1", {"action=drop"});
    server.said.clear();
    Begin();
    Arrive(step);
    WriteTarget("10.0.0.1", {"action=accept", "action=drop"});
    Arrive(1);
    server.Write("/connected-ips", "10.0.0.1");
    WriteTarget("10.0.0.1", {"action=accept"});
    server.Write("/connected-ips", "10.0.0.2");
    Arrive();
    EXPECT_TRUE(mirror.whole()) << step;
    EXPECT_EQ(Of("10.0.0.1"), (Target{{"policy", "drop"}, {"0000", "action=accept"}})) << step;
    EXPECT_EQ(mirror.view().values.at("/connected-ips"), "10.0.0.2") << step;
  }
}

TEST_F(MirrorTest, ManyTriggersAreTwoReadings) {
  Begin();
  Arrive();
  const size_t before = server.readings;
  WriteTarget("10.0.0.1", {"action=accept"});
  for (int i = 0; i < 1000; ++i) {
    server.Write("/qubes-firewall/10.0.0.1", "");
  }
  Arrive();
  EXPECT_LE(server.readings - before, 2U);
}

TEST_F(MirrorTest, ValuesAndFilesComeAndGo) {
  Begin();
  Arrive();
  server.Write("/vm-config/dnspin.work", "accept a.test");
  server.Write("/qubes-netvm-primary-dns", "10.139.1.1");
  Arrive();
  EXPECT_EQ(mirror.view().files.at("work"), "accept a.test");
  EXPECT_EQ(mirror.view().values.size(), 1U);
  const uint64_t before = mirror.changes();
  server.Write("/vm-config/dnspin.work", "accept a.test");
  server.Write("/vm-config/else", "1");
  Arrive();
  EXPECT_EQ(mirror.changes(), before) << "nothing is new";
  server.Remove("/vm-config/dnspin.work");
  server.Remove("/qubes-netvm-primary-dns");
  Arrive();
  EXPECT_EQ(mirror.view(), View());
}

TEST_F(MirrorTest, ARemovedTargetKeepsItsRulesUntilTheNextTrigger) {
  Begin();
  WriteTarget("10.0.0.1", {"action=accept"});
  Arrive();
  const Target before = Of("10.0.0.1");
  server.Remove("/qubes-firewall/");
  Arrive();
  EXPECT_EQ(Of("10.0.0.1"), before);
  server.Write("/qubes-firewall/10.0.0.1", "");
  Arrive();
  EXPECT_EQ(Of("10.0.0.1"), Target()) << "nothing stands there: not even a policy";
}

TEST_F(MirrorTest, PathsThatNoTargetHasAreNoReason) {
  Begin();
  Arrive();
  for (const char* path :
       {"/qubes-firewall//", "/qubes-firewall/10.0.0.1//0000",
        "/qubes-firewall/0123456789012345678901234567890123456789012345", "/elsewhere"}) {
    auto commands = mirror.Take({Type::kWatchFired, path, ""});
    ASSERT_TRUE(commands.ok());
    server.Hear(*commands);
    Arrive();
  }
  EXPECT_EQ(mirror.view(), View());
}

TEST_F(MirrorTest, AnswersThatNobodyAskedForAreAnError) {
  EXPECT_FALSE(mirror.Take({Type::kOk, "", ""}).ok());
  const auto begun = [] {
    Mirror fresh;
    fresh.Begin({});
    return fresh;
  };
  for (const Message& wrong : {Message{Type::kError, "", ""}, Message{Type::kEntry, "/a", ""},
                               Message{Type::kNoEntry, "", ""}}) {
    EXPECT_FALSE(begun().Take(wrong).ok());
  }
  Begin();
  Arrive(6);
  EXPECT_FALSE(mirror.Take({Type::kName, "/elsewhere/a", ""}).ok());
}

TEST_F(MirrorTest, TooMuchIsAnError) {
  for (size_t i = 0; i <= kEntriesMax; ++i) {
    server.tree["/qubes-firewall/10.0.0.1/" + std::to_string(i)] = "action=accept";
  }
  Begin();
  absl::Status status;
  while (status.ok() && !server.said.empty()) {
    const auto commands = mirror.Take(server.said.front());
    server.said.pop_front();
    status = commands.status();
    if (status.ok()) {
      server.Hear(*commands);
    }
  }
  EXPECT_FALSE(status.ok());
}

}  // namespace
}  // namespace dnspin::qubesdb
