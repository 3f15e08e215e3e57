#include "nft/widening.h"

#include <gtest/gtest.h>

#include "tests/unit/terse_rule.h"

namespace dnspin {
namespace {

using std::chrono::seconds;

Address A(const std::string& text) { return *Address::Parse(text); }

PinHolder Holder(const std::string& name) {
  return {name, *Name::FromHost(name), BootTime(seconds(100))};
}

ServedClient Client(const std::vector<std::string>& rules) {
  ServedClient client;
  client.desired = {"work", {A("10.137.0.25")}, TerseRules(rules), {"vif4.0"}};
  client.policy.addresses = client.desired.addresses;
  client.policy.rules = client.desired.rules;
  client.ledger.Adopt({1, A("192.0.2.1")}, Holder("a.test"));
  client.ledger.AdoptPast({1, A("192.0.2.2")}, Holder("a.test"));
  return client;
}

const std::vector<std::string> kRules = {"accept a.test tcp 443", "drop 192.0.2.0/24",
                                         "accept icmp"};

TEST(OnlyWidens, WhereNothingButAcceptsHaveCome) {
  const std::vector<std::string> rows[] = {
      kRules,
      {"accept b.test", "accept a.test tcp 443", "drop 192.0.2.0/24", "accept icmp"},
      {"accept a.test tcp 443", "accept 192.0.2.7/32", "drop 192.0.2.0/24", "accept icmp"},
      {"accept a.test tcp 443", "drop 192.0.2.0/24", "accept icmp", "accept .c.test"},
  };
  for (const auto& rules : rows) {
    EXPECT_TRUE(OnlyWidens(Client(kRules), Client(rules))) << rules.front();
  }
}

TEST(OnlyWidens, NotWhereARuleGoesOrChangesOrADropComes) {
  const std::vector<std::string> rows[] = {
      {},
      {"drop 192.0.2.0/24", "accept icmp"},
      {"accept a.test tcp 80", "drop 192.0.2.0/24", "accept icmp"},
      {"drop 192.0.2.0/24", "accept a.test tcp 443", "accept icmp"},
      {"accept a.test tcp 443", "drop 192.0.2.0/24", "drop icmp", "accept icmp"},
      {"drop .b.test", "accept a.test tcp 443", "drop 192.0.2.0/24", "accept icmp"},
      {"accept a.test tcp 443", "drop 192.0.2.0/24", "accept icmp", "drop 198.51.100.0/24"},
  };
  for (const auto& rules : rows) {
    EXPECT_FALSE(OnlyWidens(Client(kRules), Client(rules)))
        << rules.size() << (rules.empty() ? "" : rules.front());
  }
}

TEST(OnlyWidens, NotWhereMoreThanRulesIsAnother) {
  const struct {
    const char* what;
    void (*change)(ServedClient& client);
  } rows[] = {
      {"a pin has gone",
       [](ServedClient& client) {
         client.ledger.Erase({1, A("192.0.2.1")});
       }},
      {"so has one that had ended", [](ServedClient& client) { client.ledger.KeepPastOf({}); }},
      {"an address",
       [](ServedClient& client) { client.desired.addresses.push_back(A("fd09::19")); }},
      {"an interface", [](ServedClient& client) { client.desired.interfaces = {"vif5.0"}; }},
      {"what DNS stands for", [](ServedClient& client) { client.policy.reaches_upstreams = true; }},
  };
  for (const auto& row : rows) {
    ServedClient after = Client(kRules);
    row.change(after);
    EXPECT_FALSE(OnlyWidens(Client(kRules), after)) << row.what;
  }
}

// The addresses of a dropped name come and go, and with them what the rules behind it allow.
TEST(OnlyWidens, NotWhereNamesAreDropped) {
  const std::vector<std::string> rules = {"drop a.test", "accept icmp"};
  EXPECT_FALSE(OnlyWidens(Client(rules), Client(rules)));
}

}  // namespace
}  // namespace dnspin
