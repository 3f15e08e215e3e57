#include "config/client_file.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/diagnostic_text.h"

namespace dnspin {
namespace {

using namespace std::string_literals;  // rows hold NULs

struct Reading {
  ClientFile file;
  std::string said;
};

Reading Read(FileKind kind, const std::string& text) {
  std::vector<Diagnostic> said;
  ClientFile file = ReadClientFile(kind, "clients.d/work", "clients.d/work", text, said);
  return {std::move(file), Said(said)};
}

std::string RulesOf(const ClientFile& file) {
  std::string text;
  for (const auto& item : file.rules) {
    const auto* rule = std::get_if<Rule>(&item.value);
    text += fmt::format("{}:{} {}\n", item.line, item.column,
                        rule != nullptr ? rule->Text() + " @" + rule->origin.Text()
                                        : "use " + std::get<ProfileUse>(item.value).profile);
  }
  return text;
}

TEST(ClientFileTest, AClientHasAddressesProfilesAndRules) {
  const Reading reading = Read(FileKind::kClient,
                               "# the work qube\n"
                               "address 10.137.0.25 fd09:24ef:4179::a89:19\n"
                               "\n"
                               "accept .debian.org tcp 443\n"
                               "use github   pypi # sites\n"
                               "  drop\n"
                               "address 10.137.0.26\n");
  EXPECT_EQ(reading.said, "");
  ASSERT_EQ(reading.file.addresses.size(), 3U);
  EXPECT_EQ(reading.file.addresses[1].value.Text(), "fd09:24ef:4179::a89:19");
  EXPECT_EQ(reading.file.addresses[1].column, 21U);
  EXPECT_EQ(reading.file.addresses[2].line, 7U);
  EXPECT_EQ(RulesOf(reading.file),
            "4:1 action=accept dsthost=.debian.org proto=tcp dstports=443-443 @clients.d/work:4\n"
            "5:5 use github\n"
            "5:14 use pypi\n"
            "6:3 action=drop @clients.d/work:6\n");
}

TEST(ClientFileTest, AProfileHasRulesOrIsAnothers) {
  EXPECT_EQ(RulesOf(Read(FileKind::kProfile, "github.com\n.github.com\n").file),
            "1:1 action=accept dsthost=github.com @clients.d/work:1\n"
            "2:1 action=accept dsthost=.github.com @clients.d/work:2\n");
  const Reading alias = Read(FileKind::kProfile, "alias github\n");
  EXPECT_EQ(alias.said, "");
  ASSERT_EQ(alias.file.alias.size(), 1U);
  EXPECT_EQ(alias.file.alias[0].value, "github");
}

TEST(ClientFileTest, AFileOfAddressesIsARule) {
  EXPECT_EQ(RulesOf(Read(FileKind::kProfile,
                         "addresses-file fastly tcp 443\n"
                         "addresses-file /rw/config/office.txt\n"
                         "addresses-file fastly proto=udp dstports=443 comment=QUIC\n"
                         "addresses-file fastly icmp 8\n")
                        .file),
            "1:1 addresses-file fastly proto=tcp dstports=443-443 @clients.d/work:1\n"
            "2:1 addresses-file /rw/config/office.txt @clients.d/work:2\n"
            "3:1 addresses-file fastly proto=udp dstports=443-443 @clients.d/work:3\n"
            "4:1 addresses-file fastly proto=icmp icmptype=8 @clients.d/work:4\n");
}

TEST(ClientFileTest, WhatIsNoFileOfAddresses) {
  const std::string no_path = "error: not a path of letters, digits and ._-/ without dots alone: ";
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"addresses-file", "1:1: error: nothing behind 'addresses-file'"},
      {"addresses-file tcp 443",
       "1:16: error: no host before the protocol 'tcp'; did you mean 'proto=tcp'?"},
      {"addresses-file ../shadow", "1:16: " + no_path + "'../shadow'"},
      {"addresses-file a/../b", "1:16: " + no_path + "'a/../b'"},
      {"addresses-file /a//b", "1:16: " + no_path + "'/a//b'"},
      {"addresses-file a/", "1:16: " + no_path + "'a/'"},
      {"addresses-file .", "1:16: " + no_path + "'.'"},
      {"addresses-file a;b", "1:16: " + no_path + "'a;b'"},
      {"addresses-file a{b}", "1:16: " + no_path + "'a{b}'"},
      {"addresses-file " + std::string(201, 'a'), "1:16: " + no_path + "'"},
      {"addresses-file proto=tcp", "1:16: error: a path comes first, not 'proto=tcp'"},
      {"addresses-file a dst4=192.0.2.1",
       "1:18: error: only one of dst4, dst6 and dsthost may be given, not also 'dst4=192.0.2.1'"},
      {"addresses-file a action=drop", "1:18: error: given twice: 'action=drop'"},
      {"addresses-file a specialtarget=dns",
       "1:32: error: a file of addresses has no special target 'dns'"},
      {"addresses-file a tcp 70000",
       "1:22: error: neither a port nor a range of ports (0 to 65535): '70000'"},
      {"adresses-file a",
       "1:1: error: unknown action 'adresses-file'; did you mean 'addresses-file'?"},
      {"drop addresses-file a", "1:21: error: unknown protocol 'a'"},
  };
  for (const auto& [text, said] : rows) {
    const std::string all = Read(FileKind::kProfile, text + "\n").said;
    EXPECT_TRUE(all.starts_with("clients.d/work:" + said)) << text << "\n" << all;
  }
}

TEST(ClientFileTest, LineEndsAndByteOrderMarks) {
  const char* wanted = "2:1 action=accept dsthost=example.com @clients.d/work:2\n";
  for (const char* text : {"address 10.0.0.1\nexample.com", "address 10.0.0.1\r\nexample.com\r\n",
                           "\xEF\xBB\xBF"
                           "address 10.0.0.1\nexample.com\n"}) {
    const Reading reading = Read(FileKind::kClient, text);
    EXPECT_EQ(reading.said, "") << text;
    EXPECT_EQ(RulesOf(reading.file), wanted) << text;
  }
}

TEST(ClientFileTest, WhatIsWrongIsSaidAtItsPlace) {
  const std::string ok = "address 10.0.0.1\n";
  const struct {
    FileKind kind;
    std::string text;
    const char* said;
  } rows[] = {
      {FileKind::kClient, "", "1:1: error: a client needs a line 'address A' with its addresses"},
      {FileKind::kClient, "example.com\n",
       "1:1: error: a client needs a line 'address A' with its addresses"},
      {FileKind::kClient, "address\n",
       "1:1: error: nothing behind 'address'\n"
       "clients.d/work:1:1: error: a client needs a line 'address A' with its addresses"},
      {FileKind::kClient, ok + "address 10.0.0.300", "2:9: error: not an address '10.0.0.300'"},
      {FileKind::kClient, ok + "address 10.0.0.0/24", "2:9: error: not an address '10.0.0.0/24'"},
      {FileKind::kClient, ok + "address 10.0.0.2 127.0.0.1",
       "2:18: error: an address that no client can have: '127.0.0.1'"},
      {FileKind::kClient, ok + "address ::ffff:10.0.0.1",
       "2:9: error: an address that no client can have: '::ffff:10.0.0.1'"},
      {FileKind::kClient, ok + "address 10.0.0.1", "2:9: error: address given twice: '10.0.0.1'"},
      {FileKind::kClient, ok + "adress 10.0.0.2",
       "2:1: error: unknown action 'adress'; did you mean 'address'?"},
      {FileKind::kClient, ok + "use ../secret", "2:5: error: not a name of a profile: '../secret'"},
      {FileKind::kClient, ok + "alias github",
       "2:1: error: only a file of profiles.d can be another's 'alias'"},
      {FileKind::kClient, ok + "accept a..b\ndrop a tcp 0-70000\n",
       "2:8: error: empty label in host 'a..b'\n"
       "clients.d/work:3:12: error: neither a port nor a range of ports (0 to 65535): '0-70000'"},
      {FileKind::kClient, ok + "accept example.com # \0 hidden"s,
       "2:22: error: not text: the line holds '\\000'"},
      {FileKind::kClient, ok + "accept example.com\rdrop\n",
       "2:8: error: not a host name, address or prefix 'example.com\\013drop'"},
      {FileKind::kClient, ok + "# " + std::string(5000, 'x'), "2:1: error: line over 4096 octets"},
      {FileKind::kProfile, "address 10.0.0.1",
       "1:1: error: a profile is nobody's: only a file of clients.d has an 'address'"},
      {FileKind::kProfile, "use github",
       "1:1: error: a profile cannot hold others: name each in the client's 'use'"},
      {FileKind::kProfile, "alias a b",
       "1:9: error: an alias stands for one profile, not also 'b'"},
      {FileKind::kProfile, "alias a\nalias b",
       "2:7: error: an alias stands for one profile, not also 'b'"},
      {FileKind::kProfile, "alias .hidden", "1:7: error: not a name of a profile: '.hidden'"},
      {FileKind::kProfile, "alias github\n  example.com",
       "2:3: error: an alias has no rules of its own"},
      {FileKind::kProfile, "alais github",
       "1:1: error: unknown action 'alais'; did you mean 'alias'?"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(Read(row.kind, row.text).said, "clients.d/work:" + std::string(row.said) + "\n")
        << row.text;
  }
}

TEST(ClientFileTest, WhatStandsBehindAnEndIsWarnedOfOnce) {
  EXPECT_EQ(
      Read(FileKind::kProfile, "accept example.com\ndrop\naccept a.example\nb.example\n").said,
      "clients.d/work:3:1: warning: line 2 matches everything, so nothing acts from here on: "
      "'accept'\n");
  for (const char* not_the_end :
       {"drop expire=5\n", "drop proto=tcp\n", "accept specialtarget=dns\n", "drop 0.0.0.0/0\n",
        "drop ads.example\n"}) {
    EXPECT_EQ(Read(FileKind::kProfile, not_the_end + "accept a.example"s).said, "") << not_the_end;
  }
}

TEST(ClientFileTest, LimitsHaveAnswers) {
  std::string regexes;
  for (int i = 0; i < 300; ++i) {
    regexes += fmt::format("~a{}\\.example\n", i);
  }
  EXPECT_EQ(Read(FileKind::kProfile, regexes).said,
            "clients.d/work:257:1: error: more than 256 regular expressions: nothing is read from "
            "'~a256\\092.example'\n");

  std::string rules;
  for (size_t i = 0; i <= kRulesMax; ++i) {
    rules += "drop\n";
  }
  const Reading many = Read(FileKind::kProfile, rules);
  EXPECT_EQ(many.file.rules.size(), kRulesMax);
  EXPECT_TRUE(
      many.said.ends_with("clients.d/work:200001:1: error: more than 200000 rules: none is "
                          "read from 'drop'\n"));

  std::string addresses = "address";
  for (int i = 0; i < 65; ++i) {
    addresses += fmt::format(" 10.0.0.{}", i);
  }
  EXPECT_EQ(Read(FileKind::kClient, addresses).said,
            "clients.d/work:1:639: error: more than 64 addresses: '10.0.0.64'\n");
}

TEST(ClientFileTest, NobodyReadsAThousandErrors) {
  std::string garbage;
  for (int i = 0; i < 5000; ++i) {
    garbage += "no such rule\n";
  }
  std::vector<Diagnostic> said;
  ReadClientFile(FileKind::kProfile, "f", "f", garbage, said);
  ASSERT_EQ(said.size(), 1001U);
  EXPECT_EQ(said.back().Text(),
            "f:1000:1: error: too many faults: the rest of this file was not "
            "read");
}

TEST(ClientFileTest, ABlocklistOfPatternsIsWarnedOfBriefly) {
  std::string list;
  for (int i = 0; i < 5000; ++i) {
    list += fmt::format("drop .ads{}.example\n", i);
  }
  std::vector<Diagnostic> said;
  const ClientFile file = ReadClientFile(FileKind::kProfile, "f", "f", list, said);
  EXPECT_EQ(file.rules.size(), 5000U);
  ASSERT_EQ(said.size(), 5U);
  EXPECT_EQ(said.back().Text(),
            "f:5:6: warning: a dropped pattern acts in DNS only: (more like this are not shown) "
            "'.ads4.example'");
}

TEST(ClientFileTest, NamesOfFiles) {
  for (const std::string& good : {"a"s, "work"s, "Work-2.x_y"s, std::string(64, 'a')}) {
    EXPECT_TRUE(IsFileName(good)) << good;
  }
  for (const std::string& bad : {""s, ".a"s, "-a"s, "_a"s, "a/b"s, "a b"s, "a\n"s, "\xC3\xBC"s,
                                 std::string(65, 'a'), "a\0"s}) {
    EXPECT_FALSE(IsFileName(bad)) << bad;
  }
}

}  // namespace
}  // namespace dnspin
