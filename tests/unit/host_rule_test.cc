// Trap 14 of the peers: what a wildcard means.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/host_text.h"
#include "config/public_suffix.h"
#include "pinning/name_rules.h"
#include "tests/unit/diagnostic_text.h"

namespace dnspin {
namespace {

struct Reading {
  std::optional<HostPattern> pattern;
  std::string said;
};

Reading Read(const std::string& text) {
  const std::string file = "f";
  std::vector<Diagnostic> said;
  LineReport report(file, 1, text, said);
  auto pattern = ReadHostPattern(text, Author::kPeople, report);
  return {std::move(pattern), Said(said)};
}

// A name as it comes off the wire: labels hold any octet.
Name Wire(const std::vector<std::string>& labels) {
  std::string wire;
  for (const std::string& label : labels) {
    wire += static_cast<char>(label.size());
    wire += label;
  }
  wire += '\0';
  return *Name::FromWire(wire);
}

TEST(HostRuleTest, Trap14WhatAPatternMatches) {
  const Name escaped_dot = Wire({"evil.cdn", "test"});
  const Name upper = Wire({"WWW", "CDN", "TEST"});
  const struct {
    const char* pattern;
    Name name;
    bool matches;
  } rows[] = {
      {"cdn.test", *Name::FromHost("cdn.test"), true},
      {"cdn.test", *Name::FromHost("www.cdn.test"), false},
      {"cdn.test.", *Name::FromHost("cdn.test"), true},  // trailing dot, in the rule or the name
      {"cdn.test", *Name::FromHost("cdn.test."), true},
      {"CDN.Test", *Name::FromHost("cdn.test"), true},
      {".cdn.test", *Name::FromHost("cdn.test"), true},  // the apex
      {".cdn.test", *Name::FromHost("a.b.c.cdn.test"), true},
      {".cdn.test", *Name::FromHost("evilcdn.test"), false},  // looks alike
      {".cdn.test", *Name::FromHost("cdn.test.evil.test"), false},
      {".cdn.test", *Name::FromHost("test"), false},
      {".cdn.test", upper, true},
      {".cdn.test", escaped_dot, false},  // evil\.cdn.test is two labels
      {"*.cdn.test", *Name::FromHost("cdn.test"), false},
      {"*.cdn.test", *Name::FromHost("www.cdn.test"), true},
      {"*.cdn.test", *Name::FromHost("a.b.cdn.test"), true},
      {"*.cdn.test", *Name::FromHost("evilcdn.test"), false},
      {"*.cdn.test", escaped_dot, false},
      {"~.*\\.cdn\\.test", *Name::FromHost("www.cdn.test"), true},
      {"~.*\\.cdn\\.test", *Name::FromHost("www.cdn.test.evil.test"), false},  // anchored
      {"~cdn\\.test", *Name::FromHost("www.cdn.test"), false},
      {"~.*\\.cdn\\.test", escaped_dot, false},
      {"b\u00FCcher.test", *Name::FromHost("xn--bcher-kva.test"), true},
      {".B\u00DCCHER.test", *Name::FromHost("www.xn--bcher-kva.test"), true},
      {"bu\u0308cher.test", *Name::FromHost("xn--bcher-kva.test"), true},  // not composed
      {"fa\u00DF.test", *Name::FromHost("xn--fa-hia.test"), true},  // IDNA2008, not 2003's fass
      {"xn--bcher-kva.test", *Name::FromHost("xn--bcher-kva.test"), true},
  };
  for (const auto& row : rows) {
    const Reading reading = Read(row.pattern);
    ASSERT_TRUE(reading.pattern) << row.pattern << "\n" << reading.said;
    EXPECT_EQ(IndexPatterns({&*reading.pattern, 1}).Matches(row.name), row.matches)
        << row.pattern << " " << row.name.Text();
  }
}

TEST(HostRuleTest, Trap14HostsThatAreRefused) {
  const std::string label63(63, 'a');
  const std::string host253 = label63 + "." + label63 + "." + label63 + "." + std::string(61, 'b');
  const struct {
    std::string host;
    const char* said;
  } rows[] = {
      {"*", "a host cannot be every name '*'"},
      {".", "a host cannot be every name '.'"},
      {"*.", "a host cannot be every name '*.'"},
      {"..", "no name in host '..'"},
      {".com", "public suffix, where strangers register names, '.com'"},
      {"*.com", "public suffix, where strangers register names, '*.com'"},
      {"*.COM.", "public suffix, where strangers register names, '*.COM.'"},
      {"com", "public suffix, where strangers register names, 'com'"},
      {"*.co.uk", "public suffix, where strangers register names, '*.co.uk'"},
      {".ck", "public suffix, where strangers register names, '.ck'"},  // *.ck is listed
      {".any.ck", "public suffix, where strangers register names, '.any.ck'"},
      {".za", "public suffix, where strangers register names, '.za'"},  // co.za is listed
      {"*.\u0440\u0444",
       "public suffix xn--p1ai, where strangers register names, '*.\\209\\128\\209\\132'"},
      {"foo*.example.com",
       "a star stands only before the first dot, as in *.example.com, not as in "
       "'foo*.example.com'"},
      {"www.*.example.com",
       "a star stands only before the first dot, as in *.example.com, not as in "
       "'www.*.example.com'"},
      {"*.*.example.com",
       "a star stands only before the first dot, as in *.example.com, not as in "
       "'*.*.example.com'"},
      {"a..b.example", "empty label in host 'a..b.example'"},
      {"..example.com", "empty label in host '..example.com'"},
      {"example.com..", "empty label in host 'example.com..'"},
      {label63 + "a.example",
       "label over 63 octets in host 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
       "aaaaaaaaaaaaaaaaaaaaaaaaaa.example'"},
      {"ex ample.com", "not a host name, address or prefix 'ex ample.com'"},
      {"https://example.com/x",
       "not a host name, address or prefix 'https://example.com/x'; did you mean 'example.com'?"},
      {"example.com:443",
       "not a host name, address or prefix 'example.com:443'; did you mean 'example.com'?"},
      {"192.0.2.300", "neither an address nor a host name '192.0.2.300'"},
      {".2.1", "neither an address nor a host name '.2.1'"},
      {"\u2603.example",
       "not an international name (string contains a disallowed character) "
       "'\\226\\152\\131.example'"},
      {"\xFF\xFE.example",
       "not an international name (string encoding error) '\\255\\254.example'"},
  };
  for (const auto& row : rows) {
    const Reading reading = Read(row.host);
    EXPECT_FALSE(reading.pattern) << row.host;
    EXPECT_EQ(reading.said, "f:1:1: error: " + std::string(row.said) + "\n");
  }
  EXPECT_TRUE(Read(host253).pattern) << "the longest name there is";
  const Reading longer = Read(host253 + "b");
  EXPECT_FALSE(longer.pattern);
  EXPECT_TRUE(longer.said.starts_with("f:1:1: error: host over 253 octets 'aaaa")) << longer.said;
}

TEST(HostRuleTest, Trap14HostsThatAreNobodysBusiness) {
  // Labs live below names that no registry knows; `*` of the list's own last rule does not count.
  for (const char* host :
       {"localhost", "nas", ".lan", "*.test", ".example", ".internal", ".home.arpa",
        "_dmarc.example.com", "www.ck", ".google.com", "xn--zz.test"}) {
    const Reading reading = Read(host);
    EXPECT_TRUE(reading.pattern) << host << "\n" << reading.said;
    EXPECT_EQ(reading.said, "") << host;
  }
}

TEST(HostRuleTest, PrivateSuffixesAreWarnedOf) {
  for (const char* host : {".github.io", "*.github.io", "*.compute.amazonaws.com"}) {
    const Reading reading = Read(host);
    EXPECT_TRUE(reading.pattern) << host;
    EXPECT_EQ(reading.said, "f:1:1: warning: private suffix, where strangers put their sites, '" +
                                std::string(host) + "'\n");
  }
  EXPECT_EQ(Read("github.io").said, "");
  EXPECT_EQ(Read(".someone.github.io").said, "");
}

TEST(HostRuleTest, OurOwnTextIsNotJudgedAgain) {
  const std::string file = "f";
  std::vector<Diagnostic> said;
  for (const char* host : {"com", "*.co.uk", ".github.io"}) {
    LineReport report(file, 1, host, said);
    EXPECT_TRUE(ReadHostPattern(host, Author::kOurselves, report)) << host;
  }
  EXPECT_EQ(Said(said), "");
}

}  // namespace
}  // namespace dnspin
