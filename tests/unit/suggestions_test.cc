#include "cli/suggestions.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cli/rule_line.h"
#include "config/public_suffix.h"

namespace dnspin {
namespace {

Json Name(const std::string& name, const std::string& standing = "prohibited",
          const std::vector<std::string>& ports = {},
          const std::vector<std::string>& addresses = {}) {
  return {{"name", name},         {"type", "A"},
          {"standing", standing}, {"rule", ""},
          {"count", 2},           {"addresses", addresses},
          {"ports", ports},       {"chain", Json::array()}};
}

Json Blocked(const std::string& name, const Json& address, const std::string& protocol,
             const Json& port) {
  return {{"client", "work"},     {"name", name}, {"address", address},
          {"protocol", protocol}, {"port", port}, {"count", 1}};
}

Json Dropped(Json blocked) {
  blocked["rule"] = {{"number", 1}, {"text", "action=drop"}, {"origin", "clients.d/work:2"}};
  return blocked;
}

struct Story {
  std::string what;
  std::vector<std::string> rules;  // in force
  std::vector<Json> names;
  std::vector<Json> blocked;
  std::vector<std::string> suggested;
  std::vector<std::string> left_out{};
};

const std::vector<Story> kStories = {
    {"nothing", {}, {}, {}, {}},
    {"two names, ports unknown",
     {},
     {Name("a.x.com"), Name("b.x.com")},
     {},
     {"accept a.x.com tcp 80", "accept a.x.com tcp 443", "accept b.x.com tcp 80",
      "accept b.x.com tcp 443"}},
    {"ports seen",
     {},
     {Name("a.x.com", "prohibited", {"tcp/22", "udp/443"})},
     {},
     {"accept a.x.com tcp 22", "accept a.x.com udp 443"}},
    {"three names make a zone",
     {},
     {Name("x.com", "prohibited", {"tcp/443"}), Name("a.x.com", "prohibited", {"tcp/443"}),
      Name("b.a.x.com", "prohibited", {"tcp/22"})},
     {},
     {"accept .x.com tcp 22", "accept .x.com tcp 443"}},
    {"never a private suffix",
     {},
     {Name("a.github.io", "prohibited", {"tcp/443"}),
      Name("b.github.io", "prohibited", {"tcp/443"}),
      Name("c.github.io", "prohibited", {"tcp/443"})},
     {},
     {"accept a.github.io tcp 443", "accept b.github.io tcp 443", "accept c.github.io tcp 443"}},
    {"nor a public one",
     {},
     {Name("a.co.uk", "prohibited", {"tcp/443"}), Name("b.co.uk", "prohibited", {"tcp/443"}),
      Name("c.co.uk", "prohibited", {"tcp/443"}), Name("co.uk")},
     {},
     {"accept a.co.uk tcp 443", "accept b.co.uk tcp 443", "accept c.co.uk tcp 443"},
     {"co.uk: strangers register names below it"}},
    {"what is open already", {"action=accept dsthost=.x.com"}, {Name("a.x.com", "pinned")}, {}, {}},
    {"what an answer named",
     {"action=accept dsthost=x.com"},
     {{{"name", "x.com"}, {"standing", "pinned"}, {"chain", {"edge.cdn.net"}}},
      {{"name", "edge.cdn.net"}, {"standing", "pinned"}}},
     {},
     {}},
    {"what was taught",
     {"action=accept dsthost=x.com"},
     {Name("edge.cdn.net", "pinned", {"tcp/443"})},
     {},
     {"accept edge.cdn.net tcp 443"}},
    {"answered, not opened",
     {"action=accept specialtarget=dns"},
     {Name("a.x.com", "answered", {"tcp/443"}, {"192.0.2.7"}), Name("no.x.com", "answered")},
     {},
     {"accept a.x.com tcp 443"},
     {"no.x.com: it has no addresses"}},
    {"what a drop rule names",
     {"action=drop dsthost=ads.com"},
     {Name("ads.com", "blocked")},
     {},
     {},
     {"ads.com: a drop rule names it"}},
    {"another port of an open name",
     {"action=accept dsthost=x.com proto=tcp dstports=443-443"},
     {Name("x.com", "pinned", {"tcp/443"}, {"192.0.2.7"})},
     {Blocked("x.com", "192.0.2.7", "tcp", 22)},
     {"accept x.com tcp 22"}},
    {"an address without a name",
     {},
     {},
     {Blocked("", "192.0.2.7", "tcp", 22), Blocked("", "192.0.2.7", "tcp", 22),
      Blocked("", "2001:db8::1", "icmpv6", nullptr), Blocked("", "224.0.0.251", "udp", 5353),
      Blocked("", "192.0.2.8", "47", nullptr)},
     {"accept 192.0.2.7 tcp 22", "accept 2001:db8::1 icmp"},
     {"224.0.0.251 udp/5353: no address of somebody's",
      "192.0.2.8 47: no rule can name that "
      "protocol"}},
    {"what a drop rule refuses, by an address, by the address of a name",
     {"action=drop dst4=192.0.2.7/32", "action=drop dsthost=ads.com"},
     {Name("x.com", "pinned", {"tcp/443"}, {"192.0.2.8"})},
     {Dropped(Blocked("", "192.0.2.7", "tcp", 22)),
      Dropped(Blocked("x.com", "192.0.2.8", "tcp", 22))},
     {"accept x.com tcp 443"},
     {"192.0.2.7 tcp/22: a drop rule names it", "192.0.2.8 tcp/22: a drop rule names it"}},
    {"another resolver, by its address, by its name, over TLS",
     {},
     {Name("dns.x.com", "prohibited")},
     {Blocked("", "192.0.2.7", "udp", 53), Blocked("dns.x.com", "192.0.2.8", "tcp", 53),
      Blocked("dns.x.com", "192.0.2.8", "tcp", 853)},
     {"accept dns.x.com tcp 80", "accept dns.x.com tcp 443"},
     {"192.0.2.7 udp/53: another DNS server: it could tell anything, and be told",
      "192.0.2.8 tcp/53: another DNS server: it could tell anything, and be told",
      "192.0.2.8 tcp/853: another DNS server: it could tell anything, and be told"}},
    {"a question that was refused",
     {},
     {},
     {Blocked("x.com", nullptr, "", nullptr)},
     {"accept x.com tcp 80", "accept x.com tcp 443"}},
    {"what is no host",
     {},
     {Name("a\\032b.x.com"), Name("4.3.2.1.in-addr.arpa"), Name("x.local")},
     {},
     {},
     {"4.3.2.1.in-addr.arpa: dnspin answers it itself", "a\\032b.x.com: no host name",
      "x.local: dnspin answers it itself"}},
};

Json ReplyOf(const Story& story) {
  Json reply = {{"client", "work"}, {"rules", Json::array()}};
  for (const std::string& rule : story.rules) {
    reply["rules"].push_back({{"text", rule}, {"origin", "clients.d/work:2"}});
  }
  reply["rules"].push_back({{"text", "action=accept dsthost=~.+"}, {"origin", "learn"}});
  reply["names"] = story.names;
  reply["blocked"] = story.blocked;
  return reply;
}

TEST(SuggestionsTest, RulesForWhatWasNotOpened) {
  for (const Story& story : kStories) {
    SCOPED_TRACE(story.what);
    const Suggestions suggestions = SuggestFor(ReadRecord(ReplyOf(story)));
    std::vector<std::string> rules;
    for (const SuggestedDomain& domain : suggestions.domains) {
      for (const Rule& rule : domain.rules) {
        rules.push_back(RuleLine(rule));
      }
    }
    for (const Rule& rule : suggestions.addresses) {
      rules.push_back(RuleLine(rule));
    }
    EXPECT_EQ(rules, story.suggested);
    std::vector<std::string> left_out;
    for (const auto& [what, why] : suggestions.left_out) {
      left_out.push_back(fmt::format("{}: {}", what, why));
    }
    EXPECT_EQ(left_out, story.left_out);
  }
}

TEST(SuggestionsTest, Dom0HasNoPatterns) {
  const Suggestions suggestions = SuggestFor(ReadRecord(ReplyOf(kStories[3])));
  EXPECT_EQ(suggestions.QvmFirewallText("work", ""),
            "qvm-firewall work add --before 0 action=accept dsthost=a.x.com proto=tcp "
            "dstports=443-443\n"
            "qvm-firewall work add --before 0 action=accept dsthost=b.a.x.com proto=tcp "
            "dstports=22-22\n"
            "qvm-firewall work add --before 0 action=accept dsthost=x.com proto=tcp "
            "dstports=443-443\n");
}

TEST(PublicSuffixTest, WhatOneOwnerHas) {
  const struct {
    const char* name;
    const char* owner;  // null: nobody
  } rows[] = {
      {"www.example.com", "example.com"},
      {"example.com", "example.com"},
      {"com", nullptr},
      {"a.b.example.co.uk", "example.co.uk"},
      {"co.uk", nullptr},
      {"github.io", nullptr},
      {"a.b.github.io", "b.github.io"},
      {"a.b.test", "b.test"},
      {"test", nullptr},
  };
  for (const auto& row : rows) {
    const auto owner = RegistrableDomain(*dnspin::Name::FromHost(row.name));
    EXPECT_EQ(owner ? owner->Text() : "", row.owner == nullptr ? "" : row.owner) << row.name;
  }
}

}  // namespace
}  // namespace dnspin
