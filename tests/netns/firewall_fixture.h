#pragma once
// Knows: what the tests of the firewall on the real kernel begin with. Touches: a network namespace
// of its own.

#include <algorithm>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "nft/firewall.h"
#include "nft/set_reader.h"
#include "tests/netns/fresh_namespace.h"

namespace dnspin {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline Address A(const std::string& text) { return *Address::Parse(text); }

inline Rule AcceptHost(const std::string& host, Service service = {}) {
  Rule rule;
  rule.action = Action::kAccept;
  rule.host = HostPattern{HostPattern::Kind::kName, *Name::FromHost(host), {}};
  rule.service = service;
  return rule;
}

inline Service Tcp(uint16_t port) { return {Protocol::kTcp, PortRange{port, port}, {}}; }

inline ClientRules Client(const std::vector<std::string>& addresses, const std::vector<Rule>& rules,
                          std::span<const PinGroup> before = {}) {
  ClientRules client{{}, rules, GroupsOf(rules, before), 8192};
  for (const std::string& address : addresses) {
    client.addresses.push_back(A(address));
  }
  return client;
}

inline RulesetTerms Terms() {
  RulesetTerms terms;
  terms.interfaces = {"vif*"};
  terms.reader_uid = 65533;
  terms.upstreams = {*Endpoint::Parse("192.0.2.53"), *Endpoint::Parse("[2001:db8::53]:5353")};
  terms.intercept = {A("10.139.1.1"), A("10.139.1.2"), A("fd09::53")};
  terms.dns_servers = {A("9.9.9.9"), A("2620:fe::fe")};
  return terms;
}

inline PinElement Element(const std::string& set, const std::string& address, milliseconds life,
                          const std::string& comment = "x") {
  return {set, A(address), life, comment};
}

inline bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

class FirewallTest : public FreshNamespace, public ::testing::WithParamInterface<RefreshWay> {
 protected:
  void SetUp() override {
    FreshNamespace::SetUp();
    absl::StatusOr<Nftables> nftables = Nftables::Create();
    ASSERT_TRUE(nftables.ok()) << nftables.status();
    nftables_ = std::make_unique<Nftables>(*std::move(nftables));
    firewall_ = std::make_unique<Firewall>(*nftables_, "dnspin", GetParam());
  }

  void Install(const Ruleset& ruleset) {
    const absl::Status status = firewall_->Install(ruleset);
    ASSERT_TRUE(status.ok()) << status;
  }
  void Apply(const RulesetChange& change) {
    const absl::Status status = firewall_->Apply(change);
    ASSERT_TRUE(status.ok()) << status;
  }

  static std::vector<KernelPin> Pins() {
    absl::StatusOr<std::vector<KernelPin>> pins = ReadKernelPins("dnspin");
    EXPECT_TRUE(pins.ok()) << pins.status();
    std::sort(pins->begin(), pins->end(), [](const KernelPin& a, const KernelPin& b) {
      return std::tie(a.set, a.address) < std::tie(b.set, b.address);
    });
    return *std::move(pins);
  }
  // "SET ADDRESS", each on a line.
  static std::string PinTexts() {
    std::string text;
    for (const KernelPin& pin : Pins()) {
      text += pin.set + " " + pin.address.Text() + "\n";
    }
    return text;
  }
  static std::string Structure() { return Shell("nft -t list ruleset"); }

  std::unique_ptr<Nftables> nftables_;
  std::unique_ptr<Firewall> firewall_;
};

}  // namespace dnspin
