#include "config/settings.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/diagnostic_text.h"

namespace dnspin {
namespace {

using std::chrono::seconds;

Settings ReadGood(const std::string& text, Settings settings = {}) {
  std::vector<Diagnostic> said;
  ReadSettings("dnspin.toml", text, settings, said);
  EXPECT_EQ(Said(said), "") << text;
  return settings;
}

std::string Faults(const std::string& text) {
  Settings settings;
  std::vector<Diagnostic> said;
  ReadSettings("dnspin.toml", text, settings, said);
  SortByPlace(said);
  return Said(said);
}

TEST(SettingsTest, DefaultsAreThoseOfTheContract) {
  const Settings settings = ReadGood("");
  EXPECT_EQ(settings.interfaces, std::vector<std::string>{"vif*"});
  EXPECT_EQ(settings.inbound, Inbound::kClosed);
  EXPECT_FALSE(settings.intercept_any);
  ASSERT_EQ(settings.intercept.size(), 2U);
  EXPECT_EQ(settings.intercept[0].Text(), "10.139.1.1");
  EXPECT_EQ(settings.intercept[1].Text(), "10.139.1.2");
  EXPECT_TRUE(settings.upstreams.empty());
  EXPECT_TRUE(settings.rebind_ok.empty());
  EXPECT_EQ(settings.terms.told_max, seconds(300));
  EXPECT_EQ(settings.terms.floor, seconds(300));
  EXPECT_EQ(settings.terms.slack, seconds(30));
  EXPECT_EQ(settings.terms.per_client, 4096U);
  EXPECT_EQ(settings.terms.per_name, 1024U);
  EXPECT_EQ(settings.table, "dnspin");
  EXPECT_EQ(settings.run_dir, "/run/dnspin");
  EXPECT_EQ(settings.user, "dnspin");
  EXPECT_EQ(settings.resolver_user, "dnspin-resolver");
}

TEST(SettingsTest, TheContractsOwnExampleIsTheDefault) {
  const Settings settings = ReadGood(R"(
    [clients]
    interfaces = ["vif*"]          # forwarded traffic from these is filtered
    sources    = ["files"]
    inbound    = "closed"
    prefetch   = false
    dom0_accept = false
    [dns]
    mode       = "answer"
    snoop_fail_open = false
    intercept  = ["10.139.1.1", "10.139.1.2"]
    upstream   = []
    isolation  = "client"
    rebind_ok  = []
    svcb       = "pin"
    ech        = "keep"
    [pins]
    told_max   = "5m"
    floor      = "5m"
    slack      = "30s"
    per_client = 4096
    per_name   = 1024
    [limits]
    questions_in_flight  = 1024
    questions_per_second = 2000
    questions_burst      = 4000
    connections          = 32
    names_per_pattern    = 6000
    [firewall]
    table      = "dnspin"
    [daemon]
    run_dir    = "/run/dnspin"
    user       = "dnspin"
    resolver_user = "dnspin-resolver"
  )");
  EXPECT_EQ(settings, Settings());
}

TEST(SettingsTest, EveryKeyIsTaken) {
  const Settings settings = ReadGood(
      "\xEF\xBB\xBF"
      R"(
    dns.intercept = "any"
    dns.upstream = ["192.0.2.53", "192.0.2.54:5353", "[2001:db8::1]:53"]
    dns.svcb = "nodata"
    dns.ech = "strip"
    dns.rebind_ok = ["nas.lan", "*.corp.example", "~host[0-9]+\\.lan"]
    [clients]
    interfaces = ["vif*", "eth1"]
    sources = ["qubesdb"]
    inbound = "open"
    dom0_accept = true
    learn = false
    [pins]
    told_max = "90s"
    floor = "24h"
    slack = "0s"
    per_client = 1
    per_name = 65_536
    [limits]
    questions_in_flight = 1
    questions_per_second = 2
    questions_burst = 1_000_000
    connections = 4096
    names_per_pattern = 5
    [firewall]
    table = "qubes-firewall"
    [daemon]
    run_dir = "/tmp/x/run"
    user = "nobody"
    resolver_user = "_res.1"
  )");
  EXPECT_EQ(settings.interfaces, (std::vector<std::string>{"vif*", "eth1"}));
  EXPECT_FALSE(settings.from_files);
  EXPECT_TRUE(settings.from_qubesdb);
  EXPECT_TRUE(settings.dom0_accept);
  EXPECT_FALSE(settings.learn);
  EXPECT_EQ(settings.inbound, Inbound::kOpen);
  EXPECT_TRUE(settings.intercept_any);
  EXPECT_TRUE(settings.intercept.empty());
  ASSERT_EQ(settings.upstreams.size(), 3U);
  EXPECT_EQ(settings.upstreams[1].port, 5353);
  EXPECT_EQ(settings.upstreams[2].address.Text(), "2001:db8::1");
  ASSERT_EQ(settings.rebind_ok.size(), 3U);
  EXPECT_EQ(settings.rebind_ok[2].Text(), "~host[0-9]+\\.lan");
  EXPECT_EQ(settings.bindings.svcb, BindingTerms::Svcb::kNodata);
  EXPECT_EQ(settings.bindings.ech, BindingTerms::Ech::kStrip);
  EXPECT_EQ(settings.terms.told_max, seconds(90));
  EXPECT_EQ(settings.terms.floor, seconds(86400));
  EXPECT_EQ(settings.terms.slack, seconds(0));
  EXPECT_EQ(settings.terms.per_client, 1U);
  EXPECT_EQ(settings.terms.per_name, 65536U);
  EXPECT_EQ(settings.limits, (Limits{1, 2, 1'000'000, 4096, 5}));
  EXPECT_EQ(settings.table, "qubes-firewall");
  EXPECT_EQ(settings.run_dir, "/tmp/x/run");
  EXPECT_EQ(settings.user, "nobody");
  EXPECT_EQ(settings.resolver_user, "_res.1");
}

TEST(SettingsTest, ServiceBindingsAreStripped) {
  EXPECT_EQ(ReadGood("dns.svcb = \"strip\"").bindings.svcb, BindingTerms::Svcb::kStrip);
}

TEST(SettingsTest, ASecondFileStandsOverTheFirstKeyByKey) {
  const Settings first =
      ReadGood("[pins]\nslack = \"1m\"\nfloor = \"1m\"\n[dns]\nintercept=\"any\"");
  const Settings both = ReadGood("[pins]\nfloor = \"2m\"\n[dns]\nintercept=[]", first);
  EXPECT_EQ(both.terms.slack, seconds(60));
  EXPECT_EQ(both.terms.floor, seconds(120));
  EXPECT_FALSE(both.intercept_any);
  EXPECT_TRUE(both.intercept.empty());
}

TEST(SettingsTest, WhatIsSaidTwiceCountsOnce) {
  EXPECT_EQ(ReadGood("clients.interfaces = [\"vif1\", \"eth0\", \"vif*\", \"vif2*\", \"eth0\", "
                     "\"eth01\"]")
                .interfaces,
            (std::vector<std::string>{"eth0", "vif*", "eth01"}));
  EXPECT_EQ(ReadGood("dns.intercept = [\"::1\", \"0:0::1\", \"10.0.0.1\"]").intercept.size(), 2U);
}

TEST(SettingsTest, WhatIsWrongIsSaidAtItsPlace) {
  const struct {
    const char* text;
    const char* said;
  } rows[] = {
      {"[pins]\ntold_maxx = \"5m\"",
       "2:1: error: unknown key 'told_maxx'; did you mean 'told_max'?"},
      {"[pins]\nupstream = []",
       "2:1: error: unknown key 'upstream'; did you mean '[dns] upstream'?"},
      {"slack = \"5s\"", "1:1: error: unknown key 'slack'; did you mean '[pins] slack'?"},
      {"[pin]\nslack = \"5s\"", "1:2: error: unknown table 'pin'; did you mean 'pins'?"},
      {"[[pins]]\nslack = \"5s\"", "1:1: error: pins is a table, not a list"},
      {"pins = 5", "1:8: error: pins is a table, not a number"},
      {"[pins]\nslack = 30",
       "2:9: error: a time such as \"30s\" or \"5m\" is wanted here, not a number"},
      {"[pins]\nslack = \"30\"",
       "2:9: error: a time from \"0s\" to \"24h\" is wanted here, not '30'"},
      {"[pins]\nslack = \"500ms\"",
       "2:9: error: a time from \"0s\" to \"24h\" is wanted here, not '500ms'"},
      {"[pins]\nslack = \"-1s\"",
       "2:9: error: a time from \"0s\" to \"24h\" is wanted here, not '-1s'"},
      {"[pins]\nfloor = \"25h\"",
       "2:9: error: a time from \"1s\" to \"24h\" is wanted here, not '25h'"},
      {"[pins]\ntold_max = \"99999999999999999999s\"",
       "2:12: error: a time from \"1s\" to \"24h\" is wanted here, not '99999999999999999999s'"},
      {"[pins]\nper_client = 0", "2:14: error: a number from 1 to 65536 is wanted here, not '0'"},
      {"[pins]\nper_name = \"many\"",
       "2:12: error: a number from 1 to 65536 is wanted here, not text"},
      {"[pins]\nper_name = 1.5",
       "2:12: error: a number from 1 to 65536 is wanted here, not a number with a point"},
      {"[limits]\nquestions_in_flight = 4097",
       "2:23: error: a number from 1 to 4096 is wanted here, not '4097'"},
      {"[limits]\nquestions_per_second = 0",
       "2:24: error: a number from 1 to 1000000 is wanted here, not '0'"},
      {"[limits]\nquestions_burst = -1",
       "2:19: error: a number from 1 to 1000000 is wanted here, not '-1'"},
      {"[limits]\nconnections = \"20\"",
       "2:15: error: a number from 1 to 4096 is wanted here, not text"},
      {"[limits]\nnames_per_pattern = 1.0",
       "2:21: error: a number from 1 to 1000000 is wanted here, not a number with a point"},
      {"[limits]\nconnection = 20",
       "2:1: error: unknown key 'connection'; did you mean 'connections'?"},
      {"[limit]\nconnections = 20", "1:2: error: unknown table 'limit'; did you mean 'limits'?"},
      {"connections = 20",
       "1:1: error: unknown key 'connections'; did you mean '[limits] connections'?"},
      {"[clients]\ninterfaces = \"vif*\"", "2:14: error: a list is wanted here, not text"},
      {"[clients]\ninterfaces = [\"vif*\", 7, [\"x\"]]",
       "2:23: error: text is wanted here, not a number\n"
       "dnspin.toml:2:26: error: text is wanted here, not a list"},
      {"[clients]\ninterfaces = [\"*\"]",
       "2:15: error: not an interface, nor the beginning of one and a star: '*'"},
      {"[clients]\ninterfaces = [\"v*f\"]",
       "2:15: error: not an interface, nor the beginning of one and a star: 'v*f'"},
      {"[clients]\ninterfaces = []", "2:14: error: without an interface nobody would be filtered"},
      {"[clients]\nsources = [\"file\"]",
       "2:12: error: unknown source 'file'; did you mean 'files'?"},
      {"[clients]\nsources = []", "2:11: error: without a source there would be no rules"},
      {"[clients]\ninbound = \"close\"",
       "2:11: error: unknown inbound 'close'; did you mean 'closed'?"},
      {"[clients]\nprefetch = 1", "2:12: error: true or false is wanted here, not a number"},
      {"[clients]\ndom0_accept = \"yes\"", "2:15: error: true or false is wanted here, not text"},
      {"[dns]\nsnoop_fail_open = \"no\"", "2:19: error: true or false is wanted here, not text"},
      {"[dns]\nmode = \"anwser\"", "2:8: error: unknown mode 'anwser'; did you mean 'answer'?"},
      {"[dns]\nsvcb = \"no-data\"", "2:8: error: unknown svcb 'no-data'; did you mean 'nodata'?"},
      {"[dns]\nech = true", "2:7: error: text is wanted here, not true or false"},
      {"[dns]\nisolation = \"shard\"",
       "2:13: error: unknown isolation 'shard'; did you mean 'shared'?"},
      {"[dns]\nintercept = \"all\"",
       "2:13: error: intercept is a list of addresses or \"any\", not 'all'"},
      {"[dns]\nintercept = [\"10.139.1\"]", "2:14: error: not an address: '10.139.1'"},
      {"[dns]\nupstream = [\"resolver.example\"]",
       "2:13: error: an upstream is \"ADDR\", \"ADDR:PORT\" or \"[V6]:PORT\", not "
       "'resolver.example'"},
      {"[dns]\nupstream = [\"192.0.2.1:0x35\"]",
       "2:13: error: an upstream is \"ADDR\", \"ADDR:PORT\" or \"[V6]:PORT\", not "
       "'192.0.2.1:0x35'"},
      {"[dns]\nrebind_ok = [\".com\", \"nas..lan\"]",
       "2:14: error: public suffix, where strangers register names, '.com'\n"
       "dnspin.toml:2:22: error: empty label in host 'nas..lan'"},
      {"[firewall]\ntable = \"filter; flush ruleset\"",
       "2:9: error: a table is called by a letter and up to 30 letters, digits, - and _, not "
       "'filter; flush ruleset'"},
      {"[daemon]\nrun_dir = \"run\"",
       "2:11: error: run_dir is an absolute path of up to 90 octets, not 'run'"},
      {"[daemon]\nrun_dir = \"/run/../etc\"",
       "2:11: error: run_dir is an absolute path of up to 90 octets, not '/run/../etc'"},
      {"[daemon]\nuser = \"a b\"", "2:8: error: not what a user can be called: 'a b'"},
      {"[daemon]\nuser = \"65533\"", "2:8: error: not what a user can be called: '65533'"},
      {"[daemon]\nresolver_user = \"a b\"",
       "2:17: error: neither what a user can be called nor a uid: 'a b'"},
      {"[daemon]\nresolver_user = \"-1\"",
       "2:17: error: neither what a user can be called nor a uid: '-1'"},
      {"[daemon]\nresolver_user = \"0\"",
       "2:17: error: a uid is a number from 1 to 4294967294, not '0'"},
      {"[daemon]\nresolver_user = \"007\"",
       "2:17: error: a uid is a number from 1 to 4294967294, not '007'"},
      {"[daemon]\nresolver_user = \"4294967295\"",
       "2:17: error: a uid is a number from 1 to 4294967294, not '4294967295'"},
      {"[daemon]\nresolver_user = \"99999999999\"",
       "2:17: error: a uid is a number from 1 to 4294967294, not '99999999999'"},
      {"[daemon]\nresolver_user = 65533", "2:17: error: text is wanted here, not a number"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(Faults(row.text), "dnspin.toml:" + std::string(row.said) + "\n") << row.text;
  }
}

TEST(SettingsTest, WhatIsNoTomlIsSaidWithItsLine) {
  using namespace std::string_literals;  // rows hold NULs
  const struct {
    std::string text;
    const char* place;
  } rows[] = {
      {"[pins]\nslack = \"30s\"\nslack = \"5s\"\n", "3:"},
      {"[pins]\nslack \"30s\"\n", "2:"},
      {"[pins\n", "1:"},
      {"[pins]\n\nslack = \"30s", "3:"},
      {"[pins]\nslack = \"\0\"\n"s, "2:"},
      {"[pins]\nslack = \"\xFF\"\n", "2:"},
      {"a = " + std::string(100'000, '['), "1:"},
      {"[pins]\n[\n[dns]\n", "2:"},  // toml++ 3.3.0 asserts that this is not so
      {"[pins]\r\n[[\r\n", "2:"},
      {"# \u00E9\n[pins]\nslack = \u00E9\n", "3:9:"},
      {"[pins]\nslack = \"\"\"\n\u00E9\"\"\" # \u00E9\n \uFED1", "4:2:"},
      {"[pins]\nslack = '\u00E9\n\u00E9", "3:1:"},
      {"a = [1e\"\uFED1\"]", "1:9:"},
  };
  for (const auto& row : rows) {
    const std::string said = Faults(row.text);
    EXPECT_TRUE(said.starts_with("dnspin.toml:" + std::string(row.place))) << said;
    EXPECT_NE(said.find(": error: no TOML: "), std::string::npos) << said;
    EXPECT_EQ(said.find('\n'), said.size() - 1) << said;
  }
}

}  // namespace
}  // namespace dnspin
