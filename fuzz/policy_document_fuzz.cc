// Any octets are read as the text in which a policy crosses to a reader, and as the makings of a
// policy. What must hold:
//  - what is read is written as a text that is read as the same, and is then written no other way;
//  - what is read is JSON, and nothing of it is left out or taken for something else;
//  - whatever policy dnspind can hold arrives as it was.
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "config/policy_document.h"
#include "config/rule_text.h"
#include "fuzz/script.h"
#include "pinning/check.h"
#include "pinning/name_rules.h"

namespace dnspin {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;

void CheckRead(std::string_view text) {
  const auto policy = ReadPolicyDocument(text);
  if (!policy.ok()) {
    return;
  }
  const std::string written = PolicyDocument(*policy);
  const auto again = ReadPolicyDocument(written);
  DNSPIN_CHECK(again.ok() && *again == *policy && PolicyDocument(*again) == written);
  DNSPIN_CHECK(Json::parse(text, nullptr, false) == Json::parse(written, nullptr, false));
  for (const Rule& rule : policy->rules) {
    DNSPIN_CHECK((rule.host ? 1 : 0) + (rule.destination ? 1 : 0) + (rule.networks ? 1 : 0) <= 1 &&
                 rule.comment.empty());
    if (rule.host && rule.host->kind == HostPattern::Kind::kRegex) {
      DNSPIN_CHECK(RegexError(rule.host->regex).empty());
    }
  }
}

Address AddressOf(Script& script) {
  std::string octets(script.Text(16));
  octets.resize(octets.size() < 16 || octets[0] < 0 ? 4 : 16);
  return *Address::FromBytes({reinterpret_cast<const uint8_t*>(octets.data()), octets.size()});
}

std::vector<Address> AddressesOf(Script& script) {
  std::vector<Address> addresses;
  for (int left = script.Octet() % 4; left > 0; --left) {
    addresses.push_back(AddressOf(script));
  }
  return addresses;
}

uint32_t LongOf(Script& script) {
  const uint32_t high = script.Number();
  return high << 16 | script.Number();
}

Name NameOf(Script& script) {
  return Name::FromHost(script.Text(script.Octet() % 32)).value_or(*Name::FromHost("a.test"));
}

std::optional<Rule> RuleOf(std::string_view text) {
  static const std::string kFile = "fuzz";
  std::vector<Diagnostic> said;
  LineReport report(kFile, 1, text, said);
  auto rule = ReadRule(text, Author::kPeople, report, {&kAddressesFile, 1});
  return HasErrors(said) ? std::nullopt : rule;
}

Policy PolicyOf(Script& script) {
  Policy policy;
  policy.client = script.Text(script.Octet() % 16);
  std::erase_if(policy.client, [](char c) { return c < ' ' || c > '~'; });
  policy.addresses = AddressesOf(script);
  policy.generation = LongOf(script);
  policy.interface_indexes = {LongOf(script) | 1};
  policy.closed_from = LongOf(script);
  policy.prefetch = {LongOf(script)};
  policy.terms = {seconds(LongOf(script)), seconds(LongOf(script)), seconds(LongOf(script)),
                  LongOf(script), LongOf(script)};
  policy.bindings = {static_cast<BindingTerms::Svcb>(script.Octet() % 3),
                     static_cast<BindingTerms::Ech>(script.Octet() % 2)};
  policy.intercept_any = script.Octet() % 2 == 1;
  policy.intercept = AddressesOf(script);
  policy.reaches_upstreams = script.Octet() % 2 == 1;
  policy.upstreams = {{{AddressOf(script), static_cast<uint16_t>(script.Number() | 1)}, "eth0"}};
  policy.own = AddressesOf(script);
  const Grant grant{".a.test", NameOf(script), NameOf(script),
                    static_cast<uint8_t>(1 + script.Octet() % 2),
                    BootTime(BootClock::duration(LongOf(script)))};
  policy.grants = {grant};
  policy.rebind_ok = {{HostPattern::Kind::kZone, NameOf(script), ""}};
  for (int left = 8; left > 0 && !script.Over(); --left) {
    if (auto rule = RuleOf(script.Text(script.Octet()))) {
      rule->comment.clear();
      policy.rules.push_back(*std::move(rule));
    }
  }
  return policy;
}

}  // namespace
}  // namespace dnspin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace dnspin;
  CheckRead({reinterpret_cast<const char*>(bytes), size});
  Script script(bytes, size);
  const Policy policy = PolicyOf(script);
  const auto travelled = ReadPolicyDocument(PolicyDocument(policy));
  DNSPIN_CHECK(travelled.ok() && *travelled == policy);
  return 0;
}
