#include "config/policy_document.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "config/rule_text.h"

namespace dnspin {
namespace {

Rule RuleOf(const std::string& text) {
  const std::string file = "f";
  std::vector<Diagnostic> said;
  LineReport report(file, 1, text, said);
  auto rule = ReadRule(text, Author::kOurselves, report);
  EXPECT_TRUE(rule) << text;
  return rule.value_or(Rule());
}

Policy FullPolicy() {
  Policy policy;
  policy.client = "work";
  policy.addresses = {*Address::Parse("10.137.0.25"), *Address::Parse("fd09::a89:19")};
  policy.generation = 4'294'967'295;
  policy.interface_indexes = {7, 9};
  policy.reaches_upstreams = true;
  for (const char* action : {"accept", "drop"}) {
    for (const char* to : {"", " example.com", " .example.com", " *.example.com", " com",
                           " ~(a|b)[0-9]+\\.x\"y", " dst4=192.0.2.0/24", " dst6=2001:db8::1"}) {
      for (const char* service :
           {"", " proto=tcp", " proto=udp dstports=0-65535", " proto=tcp dstports=443",
            " proto=icmp", " proto=icmp icmptype=0", " specialtarget=dns", " expire=1893456000"}) {
        policy.rules.push_back(RuleOf(fmt::format("{}{}{}", action, to, service)));
      }
    }
  }
  policy.closed_from = 17;
  policy.prefetch = {0, 2};
  policy.terms.told_max = std::chrono::seconds(90);
  policy.terms.floor = std::chrono::seconds(86400);
  policy.terms.slack = std::chrono::seconds(0);
  policy.terms.per_client = 1;
  policy.terms.per_name = 65536;
  policy.limits = {1, 2, 4'294'967'295, 4, 0};
  policy.rebind_ok = {*RuleOf("accept .lan").host, *RuleOf("accept ~a.*").host};
  policy.bindings = {BindingTerms::Svcb::kNodata, BindingTerms::Ech::kStrip};
  policy.intercept_any = true;
  policy.intercept = {*Address::Parse("10.139.1.1")};
  policy.upstreams = {{*Endpoint::Parse("192.0.2.53"), "eth0"},
                      {*Endpoint::Parse("[2001:db8::53]:5353"), ""}};
  policy.own = {*Address::Parse("10.0.0.1"), *Address::Parse("::1")};
  policy.grants = {{"~(a|b)[0-9]+\\.x\"y", *Name::FromHost("edge._t.net"),
                    *Name::FromHost("_p.a.net"), 1, BootTime()},
                   {".example.com", *Name::FromHost("t.test"), *Name::FromHost("u.test"), 2,
                    BootTime(std::chrono::hours(1000000))}};
  return policy;
}

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(PolicyDocumentTest, WhatIsReadBackIsWhatWasWritten) {
  const Policy policy = FullPolicy();
  ASSERT_EQ(policy.rules.size(), 2U * 8U * 8U);
  const auto back = ReadPolicyDocument(PolicyDocument(policy));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, policy);
  EXPECT_EQ(PolicyDocument(*back), PolicyDocument(policy));
}

TEST(PolicyDocumentTest, AnEmptyPolicyIsOneToo) {
  const auto back = ReadPolicyDocument(PolicyDocument(Policy()));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, Policy());
}

TEST(PolicyDocumentTest, WhatWeWouldNotWriteIsRefused) {
  Policy policy;
  policy.client = "work";
  policy.rules = {RuleOf("accept example.com tcp 443")};
  policy.rebind_ok = {*RuleOf("accept .lan").host};
  policy.upstreams = {{*Endpoint::Parse("192.0.2.53"), "eth0"}};
  policy.grants = {{"a.test", *Name::FromHost("t.test"), *Name::FromHost("p.test"), 2,
                    BootTime(std::chrono::seconds(1))}};
  const std::string good = PolicyDocument(policy);
  ASSERT_TRUE(ReadPolicyDocument(good).ok());

  EXPECT_FALSE(ReadPolicyDocument("").ok());
  EXPECT_FALSE(ReadPolicyDocument("[]").ok());
  EXPECT_FALSE(ReadPolicyDocument("null").ok());
  EXPECT_FALSE(ReadPolicyDocument(good + "x").ok());
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(ReadPolicyDocument(good.substr(0, length)).ok()) << length;
  }
  const struct {
    std::string_view from, to;
  } rows[] = {
      {"\"client\"", "\"klient\""},            // missing and unknown
      {"{", "{\"extra\":1,"},                  // one too many
      {"\"per_name\"", "\"per_mane\""},        // within the terms
      {"\"connections\"", "\"konnections\""},  // within the limits
      {"\"questions_burst\":4000", "\"questions_burst\":-1"},
      {"\"client\":\"work\"", "\"client\":7"},  // wrong types
      {"\"generation\":0", "\"generation\":\"0\""},
      {"\"generation\":0", "\"generation\":-1"},
      {"\"generation\":0", "\"generation\":0.5"},
      {"\"generation\":0", "\"generation\":4294967296"},  // out of range
      {"\"told_max_s\":300", "\"told_max_s\":18446744073709551615"},
      {"\"intercept_any\":false", "\"intercept_any\":0"},
      {"\"svcb\":0", "\"svcb\":3"},
      {"\"ech\":0", "\"ech\":2"},
      {"\"closed_from\":4294967295", "\"closed_from\":4294967296"},
      {"\"prefetch\":[]", "\"prefetch\":1"},
      {"\"prefetch\":[]", "\"prefetch\":[-1]"},
      {"\"interface_indexes\":[]", "\"interface_indexes\":[0]"},
      {"\"reaches_upstreams\":false", "\"reaches_upstreams\":1"},
      {"\"rules\":[", "\"rules\":[7,"},
      {"\"rules\":[", "\"rules\":[\"\","},
      {"\"rules\":[", "\"rules\":[\"# none\","},
      {"\"addresses\":[]", "\"addresses\":{}"},
      {"\"addresses\":[]", "\"addresses\":[\"10.0.0.300\"]"},
      {"\"own\":[]", "\"own\":[\"2001:DB8::1\"]"},
      {"192.0.2.53:53", "192.0.2.53"},
      {"\"t.test\"", "\"t.test.\""},
      {"action=accept", "action=acept"},
      {"action=accept", "accept"},  // well spelt, but not ours
      {"dstports=443-443", "dstports=443"},
      {"dsthost=example.com", "dsthost=Example.com"},
      {"dsthost=example.com", "dsthost=~("},
      {"\".lan\"", "\".LAN\""},
      {"\".lan\"", "\"\""},
      {"\"192.0.2.53:53\"", "\"192.0.2.53:0x35\""},
      {"\"interface\"", "\"interfaze\""},
      {"\"depth\":2", "\"depth\":3"},
      {"\"depth\":2", "\"depth\":0"},
      {"\"parent\":\"p.test\"", "\"parent\":\"\""},
      {"\"t.test\"", "\"\""},
      {"\"until_ns\":1000000000", "\"until_ns\":9223372036854775808"},
  };
  for (const auto& row : rows) {
    EXPECT_FALSE(ReadPolicyDocument(Replaced(good, row.from, row.to)).ok()) << row.to;
  }
}

TEST(PolicyDocumentTest, AHundredThousandRulesAreNoEffort) {
  Policy policy;
  for (int i = 0; i < 100'000; ++i) {
    policy.rules.push_back(RuleOf(fmt::format("accept .site{}.example tcp 443", i)));
  }
  const auto start = std::chrono::steady_clock::now();
  const auto back = ReadPolicyDocument(PolicyDocument(policy));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, policy);
  // Linear takes well under a second; the sanitizers and a busy machine ten times that.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

}  // namespace
}  // namespace dnspin
