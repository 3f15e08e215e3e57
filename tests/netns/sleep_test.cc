// A machine that sleeps: TTLs go on (CLOCK_BOOTTIME), the kernel's timers stand still. What the
// ledger knows then has to be put into the kernel.

#include <map>
#include <string>

#include "nft/pin_moves.h"
#include "tests/netns/firewall_fixture.h"
#include "tests/netns/refresh_ways.h"

namespace dnspin {
namespace {

class SleepTest : public FirewallTest {
 protected:
  void SetUp() override {
    FirewallTest::SetUp();
    client_.desired.addresses = {A("10.137.0.25"), A("fd09::19")};
    client_.policy.addresses = client_.desired.addresses;
    client_.policy.rules = {AcceptHost("short.example"), AcceptHost("long.example", Tcp(443))};
    client_.groups = GroupsOf(client_.policy.rules, {});
  }
  void Hold(const char* name, uint32_t group, const char* address, seconds life) {
    client_.ledger.Adopt({group, A(address)}, {name, *Name::FromHost(name), now_ + life});
  }
  // What dnspind does at its start, and when it notices that it slept.
  void Restore() {
    client_.ledger.Expire(now_);
    Install({Terms(),
             {{client_.desired.addresses, client_.policy.rules, client_.groups, 8192, {}}},
             {},
             ElementsOf(client_, client_.ledger, now_)});
  }
  static std::map<std::string, seconds> Lives() {
    std::map<std::string, seconds> lives;
    for (const KernelPin& pin : Pins()) {
      lives[pin.address.Text()] = std::chrono::round<seconds>(pin.left);
    }
    return lives;
  }
  static void ExpectAbout(seconds life, seconds expected) {
    EXPECT_LE(life, expected);
    EXPECT_GE(life, expected - seconds(20));  // the test itself may be slow
  }

  ServedClient client_;
  BootTime now_{seconds(1'000'000)};
};
INSTANTIATE_TEST_SUITE_P(Way, SleepTest, ::testing::ValuesIn(WaysOfThisKernel()));

TEST_P(SleepTest, WhatEndedMeanwhileGoesAndTheRestLivesNoLongerThanItWas) {
  Hold("short.example", 1, "192.0.2.1", seconds(100));
  Hold("long.example", 2, "192.0.2.2", seconds(4000));
  Hold("long.example", 2, "2001:db8::2", seconds(4000));
  Restore();
  ASSERT_EQ(Lives().size(), 3U);

  now_ += seconds(3600);
  Restore();
  auto lives = Lives();
  ASSERT_EQ(lives.size(), 2U) << PinTexts();
  ExpectAbout(lives.at("192.0.2.2"), seconds(400));
  ExpectAbout(lives.at("2001:db8::2"), seconds(400));

  now_ += std::chrono::hours(24 * 365);
  Restore();
  EXPECT_EQ(PinTexts(), "");
}

TEST_P(SleepTest, OthersElementsAreNotKeptAwakeByIt) {
  Hold("long.example", 2, "192.0.2.2", seconds(4000));
  Restore();
  Shell("nft 'add element ip dnspin pin-10-137-0-25-2 { 192.0.2.9 timeout 9000s }'");
  now_ += seconds(3600);
  Restore();
  EXPECT_EQ(PinTexts(), "pin-10-137-0-25-2 192.0.2.2\n");
}

}  // namespace
}  // namespace dnspin
