#include "nft/set_reader.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "nft/nftables.h"
#include "tests/netns/fresh_namespace.h"

namespace dnspin {
namespace {

using std::chrono::seconds;

class SetReaderTest : public FreshNamespace {
 protected:
  static void Nft(const std::string& commands) {
    absl::StatusOr<Nftables> nftables = Nftables::Create();
    ASSERT_TRUE(nftables.ok()) << nftables.status();
    const absl::Status run = nftables->Run(commands);
    ASSERT_TRUE(run.ok()) << run;
  }
};

TEST_F(SetReaderTest, WithoutTablesThereAreNoPins) {
  const absl::StatusOr<std::vector<KernelPin>> pins = ReadKernelPins("dnspin");
  ASSERT_TRUE(pins.ok()) << pins.status();
  EXPECT_TRUE(pins->empty());
}

TEST_F(SetReaderTest, PinSetsOfOurTablesAreReadAndNothingElse) {
  Nft(R"(
add table ip dnspin
add table ip other
add table ip6 dnspin
add set ip dnspin pin-10-137-0-25-1 { type ipv4_addr; flags timeout; size 8; }
add set ip dnspin dns-addr { type ipv4_addr; }
add set ip dnspin pin-ports { type inet_service; flags timeout; }
add map ip dnspin pin-map { type ipv4_addr : verdict; }
add set ip other pin-10-137-0-25-1 { type ipv4_addr; flags timeout; }
add set ip6 dnspin pin-fd09--19-2 { type ipv6_addr; flags timeout; }
add element ip dnspin pin-10-137-0-25-1 { 192.0.2.1 timeout 1h expires 90s comment "a < b" }
add element ip dnspin pin-10-137-0-25-1 { 192.0.2.2 }
add element ip dnspin dns-addr { 192.0.2.3 }
add element ip dnspin pin-ports { 53 timeout 1h }
add element ip dnspin pin-map { 192.0.2.4 : accept }
add element ip other pin-10-137-0-25-1 { 192.0.2.5 timeout 1h }
add element ip6 dnspin pin-fd09--19-2 { 2001:db8::1 timeout 1h }
)");
  absl::StatusOr<std::vector<KernelPin>> pins = ReadKernelPins("dnspin");
  ASSERT_TRUE(pins.ok()) << pins.status();
  std::sort(pins->begin(), pins->end(),
            [](const KernelPin& a, const KernelPin& b) { return a.address < b.address; });
  ASSERT_EQ(pins->size(), 3U);
  const KernelPin& timed = (*pins)[0];
  EXPECT_EQ(timed.set, "pin-10-137-0-25-1");
  EXPECT_EQ(timed.address, *Address::Parse("192.0.2.1"));
  EXPECT_EQ(timed.comment, "a < b");
  EXPECT_GT(timed.left, seconds(80));
  EXPECT_LE(timed.left, seconds(90));
  const KernelPin& eternal = (*pins)[1];
  EXPECT_EQ(eternal.address, *Address::Parse("192.0.2.2"));
  EXPECT_EQ(eternal.left, seconds(0));
  const KernelPin& ipv6 = (*pins)[2];
  EXPECT_EQ(ipv6.family, Family::kIpv6);
  EXPECT_EQ(ipv6.set, "pin-fd09--19-2");
  EXPECT_EQ(ipv6.comment, "");
  EXPECT_GT(ipv6.left, seconds(3500));
}

TEST_F(SetReaderTest, ADumpOfManyDatagramsIsWhole) {
  constexpr int kCount = 10000;
  std::string commands =
      "add table ip dnspin\n"
      "add set ip dnspin pin-a-1 { type ipv4_addr; flags timeout; size 20000; }\n"
      "add element ip dnspin pin-a-1 { ";
  const std::string comment(100, 'c');
  for (int i = 0; i < kCount; ++i) {
    commands += "198.18." + std::to_string(i / 256) + "." + std::to_string(i % 256) +
                " timeout 1h comment \"" + comment + "\", ";
  }
  commands += "}\n";
  Nft(commands);
  const absl::StatusOr<std::vector<KernelPin>> pins = ReadKernelPins("dnspin");
  ASSERT_TRUE(pins.ok()) << pins.status();
  EXPECT_EQ(pins->size(), static_cast<size_t>(kCount));
  EXPECT_TRUE(std::all_of(pins->begin(), pins->end(),
                          [&](const KernelPin& pin) { return pin.comment == comment; }));
}

TEST_F(SetReaderTest, VifsAreThoseThatQubesOsAllows) {
  EXPECT_EQ(ReadAllowed(Family::kIpv4).value(), std::nullopt);
  Nft(R"(
add table ip qubes
add table ip6 qubes
add table ip other
add set ip qubes downstream { type ipv4_addr; }
add set ip qubes allowed { type ifname . ipv4_addr; }
add set ip6 qubes allowed { type ifname . ipv6_addr; }
add set ip other allowed { type ifname . ipv4_addr; }
add element ip qubes downstream { 10.137.0.99 }
add element ip other allowed { "vif9.0" . 10.137.0.99 }
add element ip qubes allowed { "vif4.0" . 10.137.0.25, "vif12.1" . 10.138.7.9 }
add element ip qubes allowed { "vif5.0" . 10.137.0.25 }
add element ip6 qubes allowed { "vif4.0" . fd09:24ef:4179::a89:19 }
)");
  const auto at = [](const char* text) { return *Address::Parse(text); };
  EXPECT_EQ(ReadAllowed(Family::kIpv4).value(),
            (std::vector<Vif>{{"vif12.1", {at("10.138.7.9")}},
                              {"vif4.0", {at("10.137.0.25")}},
                              {"vif5.0", {at("10.137.0.25")}}}));
  EXPECT_EQ(ReadAllowed(Family::kIpv6).value(),
            (std::vector<Vif>{{"vif4.0", {at("fd09:24ef:4179::a89:19")}}}));
  Nft("flush set ip qubes allowed");
  EXPECT_EQ(ReadAllowed(Family::kIpv4).value(), std::vector<Vif>());
}

}  // namespace
}  // namespace dnspin
