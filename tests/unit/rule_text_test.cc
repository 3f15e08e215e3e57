#include "config/rule_text.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "tests/unit/diagnostic_text.h"

namespace dnspin {
namespace {

using namespace std::string_literals;  // rows hold NULs

struct Reading {
  std::optional<Rule> rule;
  std::string said;
};

Reading Read(std::string_view line) {
  const std::string file = "work";
  constexpr std::array<std::string_view, 2> kStatements{"address", "use"};
  std::vector<Diagnostic> said;
  LineReport report(file, 3, line, said);
  auto rule = ReadRule(line, Author::kPeople, report, kStatements);
  return {std::move(rule), Said(said)};
}

TEST(RuleTextTest, EveryWayToWriteARule) {
  const struct {
    const char* line;
    const char* rule;  // Rule::Text()
  } rows[] = {
      {"accept", "action=accept"},
      {"drop", "action=drop"},
      {"action=drop", "action=drop"},
      {"example.com", "action=accept dsthost=example.com"},
      {".example.com", "action=accept dsthost=.example.com"},
      {"~(www|cdn)[0-9]+\\.example\\.com",
       "action=accept dsthost=~(www|cdn)[0-9]+\\.example\\.com"},
      {"192.0.2.1", "action=accept dst4=192.0.2.1/32"},
      {"accept .debian.org      # the mirrors", "action=accept dsthost=.debian.org"},
      {"accept docs.python.org tcp 443",
       "action=accept dsthost=docs.python.org proto=tcp dstports=443-443"},
      {"\taccept\texample.com  udp\t53 ",
       "action=accept dsthost=example.com proto=udp dstports=53-53"},
      {"accept 192.0.2.5 icmp 8", "action=accept dst4=192.0.2.5/32 proto=icmp icmptype=8"},
      {"accept 2001:db8::/32 tcp 80-90",
       "action=accept dst6=2001:db8::/32 proto=tcp dstports=80-90"},
      {"accept 0.0.0.0/0", "action=accept dst4=0.0.0.0/0"},
      {"accept dst4=192.0.2.0/24 proto=udp dstports=60000-61000",
       "action=accept dst4=192.0.2.0/24 proto=udp dstports=60000-61000"},
      {"accept dst6=::1", "action=accept dst6=::1/128"},
      {"accept dsthost=192.0.2.1", "action=accept dst4=192.0.2.1/32"},
      {"accept dsthost=2001:db8::1/64", "action=accept dst6=2001:db8::/64"},
      {"action=accept dsthost=.github.com proto=tcp dstports=443-443",
       "action=accept dsthost=.github.com proto=tcp dstports=443-443"},
      {"dstports=0-65535 proto=udp action=drop", "action=drop proto=udp dstports=0-65535"},
      {"proto=tcp accept example.com 443",  // as qvm-firewall takes them
       "action=accept dsthost=example.com proto=tcp dstports=443-443"},
      {"accept dst4=192.0.2.1 tcp 22", "action=accept dst4=192.0.2.1/32 proto=tcp dstports=22-22"},
      {"accept proto=icmp icmptype=8", "action=accept proto=icmp icmptype=8"},
      {"accept specialtarget=dns", "action=accept specialtarget=dns"},
      {"accept specialtarget=dns proto=udp dstports=53",
       "action=accept proto=udp specialtarget=dns dstports=53-53"},
      {"accept example.com specialtarget=dns",
       "action=accept dsthost=example.com specialtarget=dns"},
      {"drop ads.example.com", "action=drop dsthost=ads.example.com"},
      {"drop example.com tcp 80", "action=drop dsthost=example.com proto=tcp dstports=80-80"},
      {"accept ~a=b#c", "action=accept dsthost=~a=b#c"},
  };
  for (const auto& row : rows) {
    const Reading reading = Read(row.line);
    ASSERT_TRUE(reading.rule) << row.line << "\n" << reading.said;
    EXPECT_EQ(reading.rule->Text(), row.rule) << row.line;
  }
}

TEST(RuleTextTest, ExpireAndComment) {
  const struct {
    const char* line;
    int64_t expire;
    const char* comment;
  } rows[] = {
      {"accept example.com expire=1893456000", 1893456000, ""},
      {"accept expire=0 comment=", 0, ""},
      {"accept expire=1 comment=until noon, please", 1, "until noon, please"},
      {"accept expire=1 comment=until noon   # he said", 1, "until noon"},
      {"accept expire=1 comment='two  blanks ' # he said", 1, "two  blanks "},
      {"accept expire=1 comment=\"proto-tcp; [see] a/b_c.\"", 1, "proto-tcp; [see] a/b_c."},
  };
  for (const auto& row : rows) {
    const Reading reading = Read(row.line);
    ASSERT_TRUE(reading.rule) << row.line << "\n" << reading.said;
    EXPECT_EQ(reading.said, "") << row.line;
    EXPECT_EQ(reading.rule->expire, row.expire) << row.line;
    EXPECT_EQ(reading.rule->comment, row.comment) << row.line;
  }
}

TEST(RuleTextTest, LinesThatSayNothing) {
  for (const char* line : {"", "   ", "# accept example.com", "\t # accept"}) {
    const Reading reading = Read(line);
    EXPECT_FALSE(reading.rule) << line;
    EXPECT_EQ(reading.said, "") << line;
  }
}

TEST(RuleTextTest, WhatIsWrongIsSaidAtItsPlace) {
  const struct {
    std::string line;
    const char* said;
  } rows[] = {
      {"acept example.com", "work:3:1: error: unknown action 'acept'; did you mean 'accept'?"},
      {"ACCEPT example.com", "work:3:1: error: unknown action 'ACCEPT'; did you mean 'accept'?"},
      {"allow example.com", "work:3:1: error: unknown action 'allow'; did you mean 'accept'?"},
      {"reject", "work:3:1: error: unknown action 'reject'; did you mean 'drop'?"},
      {"drp", "work:3:1: error: unknown action 'drp'; did you mean 'drop'?"},
      {"adress 10.0.0.1", "work:3:1: error: unknown action 'adress'; did you mean 'address'?"},
      {"example.com tcp 443",
       "work:3:1: error: unknown action 'example.com'; did you mean 'accept example.com tcp "
       "443'?"},
      {"example.com 443",
       "work:3:1: error: unknown action 'example.com'; did you mean 'accept example.com tcp "
       "443'?"},
      {"dst4=192.0.2.1",
       "work:3:1: error: a rule needs an action, accept or drop, before 'dst4=192.0.2.1'"},
      {"accept dsthst=example.com",
       "work:3:8: error: unknown key 'dsthst'; did you mean 'dsthost'?"},
      {"accept dpi=http", "work:3:8: error: unknown key 'dpi'"},
      {"accept =x", "work:3:8: error: unknown key '=x'"},
      {"accept proto=", "work:3:8: error: no value behind 'proto='"},
      {"accept proto=tcp proto=tcp", "work:3:18: error: given twice: 'proto=tcp'"},
      {"accept example.com dst4=192.0.2.1",
       "work:3:20: error: only one of dst4, dst6 and dsthost may be given, not also "
       "'dst4=192.0.2.1'"},
      {"accept example.com tcp 80 90", "work:3:27: error: one word too many: '90'"},
      {"accept dst4=2001:db8::1", "work:3:13: error: not an IPv4 address or prefix '2001:db8::1'"},
      {"accept dst6=192.0.2.1", "work:3:13: error: not an IPv6 address or prefix '192.0.2.1'"},
      {"accept dst4=192.0.2.0/33",
       "work:3:13: error: not an IPv4 address or prefix '192.0.2.0/33'"},
      {"accept example.com tpc 443",
       "work:3:20: error: unknown protocol 'tpc'; did you mean 'tcp'?"},
      {"drop tcp", "work:3:6: error: no host before the protocol 'tcp'; did you mean 'proto=tcp'?"},
      {"accept udp 53",
       "work:3:8: error: no host before the protocol 'udp'; did you mean 'proto=udp'?"},
      {"tcp", "work:3:1: error: no host before the protocol 'tcp'; did you mean 'proto=tcp'?"},
      {"drop any", "work:3:6: error: a host cannot be every name 'any'"},
      {"accept example.com any", "work:3:20: error: unknown protocol 'any'"},
      {"accept example.com tcp http",
       "work:3:24: error: neither a port nor a range of ports (0 to 65535): 'http'"},
      {"accept example.com tcp 65536",
       "work:3:24: error: neither a port nor a range of ports (0 to 65535): '65536'"},
      {"accept example.com tcp 80-",
       "work:3:24: error: neither a port nor a range of ports (0 to 65535): '80-'"},
      {"accept example.com tcp +80",
       "work:3:24: error: neither a port nor a range of ports (0 to 65535): '+80'"},
      {"accept example.com tcp 443-80",
       "work:3:24: error: a range of ports that ends before it begins: '443-80'"},
      {"accept dstports=80", "work:3:17: error: ports go with proto tcp or udp only: '80'"},
      {"accept proto=icmp dstports=80",
       "work:3:28: error: ports go with proto tcp or udp only: '80'"},
      {"accept example.com icmp 256", "work:3:25: error: not an ICMP type (0 to 255): '256'"},
      {"accept icmptype=8", "work:3:17: error: an icmptype goes with proto icmp only: '8'"},
      {"accept specialtarget=dsn",
       "work:3:22: error: unknown special target 'dsn'; did you mean 'dns'?"},
      {"accept specialtarget=dns proto=icmp",
       "work:3:32: error: specialtarget=dns means tcp and udp, never 'icmp'"},
      {"accept specialtarget=dns proto=tcp dstports=443",
       "work:3:45: error: specialtarget=dns means port 53, never '443'"},
      {"drop example.com specialtarget=dns",
       "work:3:32: error: a dropped host is refused in DNS as it is, without specialtarget 'dns'"},
      {"drop .example.com tcp 80",
       "work:3:19: error: a dropped pattern acts in DNS only, where there is no protocol 'tcp'"},
      {"accept expire=+300",
       "work:3:15: error: a file cannot count from now: expire is UNIX seconds, not '+300'"},
      {"accept expire=99999999999999999999",
       "work:3:15: error: expire is UNIX seconds, not '99999999999999999999'"},
      {"accept comment=50% off",
       "work:3:18: error: a comment holds letters, digits, blanks and :;,./-_[] but no '%'"},
      {"accept comment='half", "work:3:16: error: a comment without its closing quote: ''half'"},
      {"accept comment='half' proto=tcp",
       "work:3:23: error: the comment comes last, but behind it stands 'proto=tcp'"},
      {"accept ~(", "work:3:8: error: regular expression refused (missing ): () '~('"},
      {"accept ~", "work:3:8: error: no regular expression behind '~'"},
      {"accept ~\xC3\xBC",
       "work:3:8: error: names are matched in ASCII (xn--...): other letters cannot stand in "
       "'~\\195\\188'"},
      {"accept ~" + std::string(256, 'a'),
       "work:3:8: error: regular expression over 255 octets '~aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
       "a"
       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
       "a"
       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...'"},
      {"accept ex\0mple.com"s,
       "work:3:8: error: not a host name, address or prefix 'ex\\000mple.com'"},
      {"accept \x1B[31mred.example",
       "work:3:8: error: not a host name, address or prefix "
       "'\\027[31mred.example'"},
  };
  for (const auto& row : rows) {
    const Reading reading = Read(row.line);
    EXPECT_FALSE(reading.rule) << row.line;
    EXPECT_EQ(reading.said, std::string(row.said) + "\n") << row.line;
  }
}

TEST(RuleTextTest, EveryFaultOfALineIsSaid) {
  EXPECT_EQ(Read("acept exam..ple tpc 80-70 wat=1").said,
            "work:3:27: error: unknown key 'wat'\n"
            "work:3:1: error: unknown action 'acept'; did you mean 'accept'?\n"
            "work:3:7: error: empty label in host 'exam..ple'\n"
            "work:3:17: error: unknown protocol 'tpc'; did you mean 'tcp'?\n"
            "work:3:21: error: a range of ports that ends before it begins: '80-70'\n");
}

TEST(RuleTextTest, RulesThatDoLessOrMoreThanTheySeem) {
  const struct {
    const char* line;
    const char* said;
  } rows[] = {
      {"drop .example.com",
       "work:3:6: warning: a dropped pattern acts in DNS only: '.example.com'"},
      {"drop ~ads.*", "work:3:6: warning: a dropped pattern acts in DNS only: '~ads.*'"},
      {"accept 192.0.2.5/24", "work:3:8: warning: 192.0.2.0/24 is meant by '192.0.2.5/24'"},
      {"~.*com", "work:3:1: warning: strangers' names match, any-stranger.com too: '~.*com'"},
      {"accept *.github.io",
       "work:3:8: warning: private suffix, where strangers put their sites, '*.github.io'"},
  };
  for (const auto& row : rows) {
    const Reading reading = Read(row.line);
    EXPECT_TRUE(reading.rule) << row.line;
    EXPECT_EQ(reading.said, std::string(row.said) + "\n") << row.line;
  }
}

TEST(RuleTextTest, TheLongestRegularExpressionTravels) {
  const Reading reading = Read("accept ~" + std::string(255, 'a'));
  ASSERT_TRUE(reading.rule) << reading.said;
  EXPECT_EQ(reading.rule->host->Text().size(), 256U);
}

}  // namespace
}  // namespace dnspin
