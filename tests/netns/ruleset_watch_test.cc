#include "nft/ruleset_watch.h"

#include <sys/socket.h>

#include <memory>
#include <optional>
#include <string>

#include "nft/set_writer.h"
#include "tests/netns/firewall_fixture.h"

namespace dnspin {
namespace {

class RulesetWatchTest : public FirewallTest {
 protected:
  void SetUp() override {
    FirewallTest::SetUp();
    auto watch = RulesetWatch::Create("dnspin");
    ASSERT_TRUE(watch.ok()) << watch.status();
    watch_ = std::make_unique<RulesetWatch>(*std::move(watch));
    auto writer = SetWriter::Create("dnspin");
    ASSERT_TRUE(writer.ok()) << writer.status();
    writer_ = *std::move(writer);
    const absl::Status learnt = watch_->LearnOwn(writer_->port_id());
    ASSERT_TRUE(learnt.ok()) << learnt;
    InstallOurs();
  }
  void InstallOurs() {
    const ClientRules client = Client({"10.137.0.25"}, {AcceptHost("a.example")});
    Install({Terms(),
             {client},
             {{A("10.137.0.25"), 4053}},
             {Element("pin-10-137-0-25-1", "192.0.2.1", seconds(60))}});
  }
  std::optional<std::string> Drain() {
    auto disturbed = watch_->Drain();
    EXPECT_TRUE(disturbed.ok()) << disturbed.status();
    return disturbed.ok() ? *disturbed : std::nullopt;
  }

  std::unique_ptr<RulesetWatch> watch_;
  std::unique_ptr<SetWriter> writer_;
};
INSTANTIATE_TEST_SUITE_P(Way, RulesetWatchTest, ::testing::Values(RefreshWay::kInPlace));

TEST_P(RulesetWatchTest, OurOwnTransactionsDisturbNobody) {
  EXPECT_EQ(Drain(), std::nullopt);
  const PinElement pin = Element("pin-10-137-0-25-1", "192.0.2.2", seconds(60));
  EXPECT_TRUE(writer_->Commit({&pin, 1}).status.ok());
  InstallOurs();
  EXPECT_TRUE(Firewall::Teardown(*nftables_, "dnspin").ok());
  EXPECT_EQ(Drain(), std::nullopt);
}

// Qubes OS' own tables: who is there is seen, and nothing of it disturbs.
TEST_P(RulesetWatchTest, WhoComesAndGoesInQubesOsIsTold) {
  Drain();
  watch_->TakeAllowedTouched();
  const auto touches = [this](const std::string& command) {
    Shell("nft '" + command + "'");
    EXPECT_EQ(Drain(), std::nullopt) << command;
    const bool touched = watch_->TakeAllowedTouched();
    EXPECT_FALSE(watch_->TakeAllowedTouched());
    return touched;
  };
  EXPECT_TRUE(touches("add table ip qubes"));
  EXPECT_FALSE(touches("add set ip qubes downstream { type ipv4_addr; }"));
  EXPECT_TRUE(touches("add set ip qubes allowed { type ifname . ipv4_addr; }"));
  EXPECT_TRUE(touches("add element ip qubes allowed { \"vif4.0\" . 10.137.0.25 }"));
  EXPECT_FALSE(touches("add element ip qubes downstream { 10.137.0.25 }"));
  EXPECT_FALSE(touches("add chain ip qubes dnat-dns"));
  EXPECT_TRUE(touches("delete element ip qubes allowed { \"vif4.0\" . 10.137.0.25 }"));
  EXPECT_FALSE(touches("add table ip other; add set ip other allowed { type ipv4_addr; }"));
  EXPECT_TRUE(touches("delete set ip qubes allowed"));
  EXPECT_TRUE(touches("delete table ip qubes"));
}

TEST_P(RulesetWatchTest, WhatOthersDoToOursIsToldWithTheirName) {
  for (const char* what :
       {"flush ruleset", "delete table ip dnspin", "delete table ip6 dnspin-dns",
        "flush set ip dnspin pin-10-137-0-25-1", "flush chain ip dnspin qbs-10-137-0-25",
        "flush chain ip dnspin qubes-forward", "flush map ip dnspin-dns doors",
        "delete element ip dnspin clients { 10.137.0.25 }",
        "add element ip dnspin pin-10-137-0-25-1 { 192.0.2.9 timeout 5s }",
        "add element ip dnspin dns-addr { 8.8.8.8 }", "add table ip dnspin { flags dormant; }",
        "chain ip dnspin forward { policy accept; }"}) {
    InstallOurs();
    EXPECT_EQ(Drain(), std::nullopt) << what;
    Shell(std::string("nft '") + what + "'");
    const auto disturbed = Drain();
    ASSERT_TRUE(disturbed.has_value()) << what;
    EXPECT_TRUE(disturbed->starts_with("nft (pid ")) << *disturbed;
    EXPECT_EQ(Drain(), std::nullopt) << "once";
  }
}

TEST_P(RulesetWatchTest, WhatOthersMakeBesideOursIsTheirs) {
  for (const char* what :
       {"add table ip mine", "add chain ip dnspin mine", "add rule ip dnspin mine accept",
        "add rule ip dnspin qubes-forward counter", "flush chain ip dnspin mine",
        "delete chain ip dnspin mine", "add set ip dnspin mine { type ipv4_addr; }",
        "add element ip dnspin mine { 192.0.2.1 }", "delete set ip dnspin mine",
        "add table inet dnspin", "flush table ip mine", "delete table ip mine"}) {
    Shell(std::string("nft '") + what + "'");
    EXPECT_EQ(Drain(), std::nullopt) << what;
  }
}

class LittleRoom : public RulesetWatchTest {
 protected:
  void SetUp() override {
    RulesetWatchTest::SetUp();
    EXPECT_EQ(Drain(), std::nullopt);  // which learns by what port libnftables commits
    Shell("nft 'add table ip mine; add set ip mine s { type ipv4_addr; }'");
    EXPECT_EQ(Drain(), std::nullopt);
    const int octets = 4096;
    ASSERT_EQ(::setsockopt(watch_->fd(), SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets)), 0);
  }
  static std::string ManyElements() {
    std::string many = "add element ip mine s { 10.0.0.0";
    for (int i = 1; i < 5000; ++i) {
      many += ", 10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256);
    }
    return many + " }";
  }
};
INSTANTIATE_TEST_SUITE_P(Way, LittleRoom, ::testing::Values(RefreshWay::kInPlace));

TEST_P(LittleRoom, ALargeChangeOfOursDoesNotFloodUs) {
  ASSERT_TRUE(nftables_->Run(ManyElements()).ok());
  EXPECT_EQ(Drain(), std::nullopt);
}

TEST_P(LittleRoom, MoreEventsThanFitAreNotTakenForNone) {
  Shell("nft '" + ManyElements() + "'");
  EXPECT_TRUE(absl::IsDataLoss(watch_->Drain().status()));
  EXPECT_EQ(Drain(), std::nullopt);
}

}  // namespace
}  // namespace dnspin
