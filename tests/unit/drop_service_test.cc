// When what readers say of dropped names comes into force, and what a restart finds of it.
#include "nft/drop_service.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "nft/client_chain.h"
#include "tests/unit/terse_rule.h"

namespace dnspin {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Address A(const std::string& text) { return *Address::Parse(text); }

DropAddresses Says(const std::string& name, const std::vector<std::string>& addresses,
                   Family family = Family::kIpv4) {
  DropAddresses piece;
  piece.name = *Name::FromHost(name);
  piece.family = family;
  for (const std::string& address : addresses) {
    piece.addresses.push_back(A(address));
  }
  return piece;
}

ServedClient Client(uint32_t id, const std::vector<std::string>& rules) {
  ServedClient client;
  client.id = ClientId{id};
  client.desired.name = fmt::format("client{}", id);
  client.desired.addresses = {A(fmt::format("10.137.0.{}", id)), A(fmt::format("fd09::{}", id))};
  client.policy.addresses = client.desired.addresses;
  client.policy.rules = TerseRules(rules);
  client.learned.Follow(client.policy.rules);
  client.drops = client.learned;
  client.policy.closed_from = client.drops.ClosedFrom(client.policy.rules, client.policy.addresses);
  client.groups = GroupsOf(client.policy.rules, {});
  return client;
}

class HandClock final : public Clock {
 public:
  BootTime Now() override { return now; }
  int64_t WallSeconds() override { return 0; }
  BootTime now{seconds(1000)};
};

class DropServiceTest : public testing::Test {
 protected:
  DropServiceTest() {
    for (uint32_t id = 1; id <= 3; ++id) {
      clients_.emplace(ClientId{id}, Client(id, {"drop x.test", "accept"}));
    }
  }
  void Learn(uint32_t id, const std::string& address) {
    ServedClient& client = clients_.at(ClientId{id});
    client.learned.Take(Says("x.test", {address}));
    client.learned.Take(Says("x.test", {}, Family::kIpv6));
    client.drops_due = true;
    service_.Look();
  }
  void LearnAll(const std::string& address) {
    for (uint32_t id = 1; id <= 3; ++id) {
      Learn(id, address);
    }
  }
  // In turns of 10 ms.
  void Pass(BootClock::duration time) {
    for (const BootTime until = clock_.now + time; clock_.now < until;) {
      clock_.now += milliseconds(10);
      const bool due = service_.NextDeadline().value_or(clock_.now) <= clock_.now;
      if (!service_.Settle(clients_, clock_.now).empty()) {
        EXPECT_TRUE(due);
        clock_.now += cut_;
      }
      service_.Rest();
    }
  }
  absl::Status Apply(std::span<const ClientChange> changes) {
    std::vector<uint8_t> whose;
    bool fails = false;
    for (const ClientChange& change : changes) {
      whose.push_back(change.after.addresses.front().bytes().back());
      fails = fails || failing_.contains(whose.back());
    }
    transactions_.emplace_back(whose);
    return fails ? absl::FailedPreconditionError("no such set") : absl::OkStatus();
  }
  bool IsDone(uint32_t id) const { return !clients_.at(ClientId{id}).drops_due; }

  HandClock clock_;
  Journal journal_{"/nowhere"};
  std::set<uint8_t> failing_;
  milliseconds cut_{0};
  std::vector<std::vector<uint8_t>> transactions_;
  int policies_ = 0;
  ServedClients clients_;
  DropService service_{{[this](auto changes) { return Apply(changes); },
                        [this](ServedClient&, BootTime) { ++policies_; }, journal_, clock_}};
};

TEST_F(DropServiceTest, AllInOneTransaction) {
  LearnAll("192.0.2.1");
  Pass(milliseconds(10));
  EXPECT_EQ(transactions_, (std::vector<std::vector<uint8_t>>{{1, 2, 3}}));
  EXPECT_EQ(policies_, 3) << "their chains are open";
}

TEST_F(DropServiceTest, OneThatFailsKeepsNobodyElseWaiting) {
  failing_ = {2};
  LearnAll("192.0.2.1");
  Pass(milliseconds(10));
  EXPECT_TRUE(IsDone(1) && !IsDone(2) && IsDone(3));
  LearnAll("192.0.2.2");
  transactions_.clear();
  Pass(milliseconds(500));
  EXPECT_EQ(transactions_, (std::vector<std::vector<uint8_t>>{{1, 3}})) << "it waits, alone";
  Pass(seconds(600));
  EXPECT_GE(transactions_.size(), 20U);
  EXPECT_LE(transactions_.size(), 30U) << "pauses grow to 30 s";
  EXPECT_FALSE(IsDone(2));
  failing_.clear();
  Pass(seconds(31));
  EXPECT_TRUE(IsDone(2));
  EXPECT_EQ(service_.NextDeadline(), std::nullopt);
}

TEST_F(DropServiceTest, TheCutOfFlowsCountsAsItsTime) {
  cut_ = milliseconds(500);
  for (int i = 0; i < 10'000; ++i) {
    Learn(1, fmt::format("192.0.{}.{}", i / 250, i % 250));
    Pass(milliseconds(10));
  }
  // 100 s and the cuts, each of which is a tenth of the time at most.
  EXPECT_GE(transactions_.size(), 15U);
  EXPECT_LE(transactions_.size(), 25U);
}

// A restart.

std::vector<KernelPin> InKernel(const ServedClient& client) {
  std::vector<KernelPin> elements;
  for (const DropElement& drop : DropElementsOf(client.policy, client.groups, client.learned)) {
    const Family family = drop.address.family();
    const auto own = FirstAddress(client.policy.addresses, family);
    EXPECT_LE(drop.comment.size(), kCommentOctetsMax);
    elements.push_back(
        {family, DropSetName(*own, drop.group), drop.address, milliseconds(0), drop.comment});
  }
  return elements;
}

std::vector<std::string> LongNames(int number) {
  std::vector<std::string> names;
  for (int i = 0; i < number; ++i) {
    names.push_back(fmt::format("a-rather-long-name-number-{}.tracker.test", i));
  }
  return names;
}

TEST(AdoptedDrops, OfASetWhoseCommentsDoNotHoldAllNamesNoneIsKnown) {
  for (const int number : {3, 5}) {
    std::vector<std::string> rules = {"drop far.test udp 1"};
    for (const std::string& name : LongNames(number)) {
      rules.push_back("drop " + name);
    }
    ServedClient client = Client(1, rules);
    for (const std::string& name : LongNames(number)) {
      client.learned.Take(Says(name, {"203.0.113.21"}));
      client.learned.Take(Says(name, {"2001:db8::1"}, Family::kIpv6));
    }
    client.learned.Take(Says(LongNames(number).back(), {"203.0.113.21", "203.0.113.40"}));
    client.learned.Take(Says("far.test", {"203.0.113.9"}));
    client.learned.Take(Says("far.test", {}, Family::kIpv6));
    DropNames adopted = AdoptDrops(InKernel(client), client.policy.addresses);
    adopted.Follow(client.policy.rules);
    EXPECT_EQ(adopted.ClosedFrom(client.policy.rules, client.policy.addresses),
              number == 3 ? rules.size() : 1)
        << "those of another set are known";
  }
}

TEST(AdoptedDrops, OneFamilysCommentsSpeakForBoth) {
  const auto names = LongNames(5);
  ServedClient client = Client(1, {"drop " + names[0], "drop " + names[1], "drop " + names[2],
                                   "drop " + names[3], "drop " + names[4]});
  for (const std::string& name : names) {
    client.learned.Take(Says(name, {"203.0.113.21"}));
    client.learned.Take(Says(name, {}, Family::kIpv6));
  }
  client.learned.Take(Says(names[4], {"2001:db8::1"}, Family::kIpv6));
  EXPECT_EQ(AdoptDrops(InKernel(client), client.policy.addresses)
                .AddressesOf(*Name::FromHost(names[4]), Family::kIpv4),
            nullptr);
}

}  // namespace
}  // namespace dnspin
