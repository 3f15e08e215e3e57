#include "cli/import.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/client_file.h"
#include "tests/unit/diagnostic_text.h"

namespace dnspin {
namespace {

using Texts = std::vector<std::string>;

struct Story {
  std::string text;
  Texts rules;         // lines of the file, without comments and its address
  std::string said{};  // "LINE: ..." each
};

using Reader = Imported (*)(const std::string&, std::string_view, const ImportTerms&);

Texts LinesOf(const Imported& imported) {
  Texts lines;
  const std::string text = imported.Text();
  for (size_t from = 0; from < text.size();) {
    const size_t end = text.find('\n', from);
    std::string line = text.substr(from, end - from);
    if (!line.empty() && !line.starts_with('#') && !line.starts_with("address ")) {
      lines.push_back(std::move(line));
    }
    from = end + 1;
  }
  return lines;
}

std::string SaidBy(const Imported& imported) {
  std::string text;
  for (const auto& [line, note] : imported.said()) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : "\n", line, note);
  }
  return text;
}

void ExpectParses(const Imported& imported) {
  std::vector<Diagnostic> said;
  ReadClientFile(FileKind::kClient, "file", "file", imported.Text(), said);
  EXPECT_FALSE(HasErrors(said)) << Said(said) << imported.Text();
}

void Tell(Reader read, const std::vector<Story>& stories, const ImportTerms& terms) {
  for (const Story& story : stories) {
    SCOPED_TRACE(story.text);
    const Imported imported = read("file", story.text, terms);
    EXPECT_EQ(LinesOf(imported), story.rules);
    EXPECT_EQ(SaidBy(imported), story.said);
    ExpectParses(imported);
  }
}

// One service, so that a host is one line.
const ImportTerms kHttps{{{Protocol::kTcp, PortRange{443, 443}, {}}}, false};

TEST(ImportTest, Hosts) {
  Tell(ImportHosts,
       {{"", {}},
        {"# a comment\n\n0.0.0.0 ads.example # more\n", {"drop ads.example"}},
        {"127.0.0.1\ta.test b.test\r\n::1 c.test", {"drop a.test", "drop b.test", "drop c.test"}},
        {"0.0.0.0 a.test\n0.0.0.0 a.test", {"drop a.test"}},
        {"0.0.0.0 Ads.Example.", {"drop ads.example"}},
        {"127.0.0.1 localhost", {}, "1: not carried over: this machine itself: 'localhost'"},
        {"192.0.2.7 www.test",
         {},
         "1: not carried over: an address for a name, which DNS has: '192.0.2.7 www.test'"},
        {"ads.example", {}, "1: not carried over: no address and name: 'ads.example'"},
        {"0.0.0.0 com",
         {},
         "1: not carried over: public suffix, where strangers register names, 'com'"},
        {"0.0.0.0 dst4=0.0.0.0/0",
         {},
         "1: not carried over: not a host name, address or prefix 'dst4=0.0.0.0/0'"},
        {"0.0.0.0 tcp", {}, "1: not carried over: no host before the protocol 'tcp'"},
        {"0.0.0.0 \x1b[31m.test",
         {},
         "1: not carried over: not a host name, address or prefix '\\027[31m.test'"}},
       kHttps);
}

TEST(ImportTest, ALongListIsRefusedInDnsAlone) {
  std::string text;
  for (int i = 0; i < 257; ++i) {
    text += fmt::format("0.0.0.0 a{}.test\n", i);
  }
  text += "0.0.0.0 github.io\n";
  const Imported imported = ImportHosts("file", text, {});
  const Texts lines = LinesOf(imported);
  ASSERT_EQ(lines.size(), 258U);
  EXPECT_EQ(lines.front(), "drop .a0.test");
  EXPECT_EQ(lines.back(), "drop github.io");
  EXPECT_EQ(SaidBy(imported),
            "1: more than 256 names: each is refused in DNS, with what is below it");
  ExpectParses(imported);
}

TEST(ImportTest, Dnsmasq) {
  Tell(ImportDnsmasq,
       {{"nftset=/example.com/4#inet#fw4#set", {"accept .example.com tcp 443"}},
        {"  ipset = /a.test/*.b.test/one,two ",
         {"accept .a.test tcp 443", "accept .b.test tcp 443"}},
        {"ipset=/a.test/s\naddress=/ads.a.test/\naddress=/ads.b.test/0.0.0.0",
         {"drop .ads.a.test", "drop .ads.b.test", "accept .a.test tcp 443"}},
        {"#nftset=/x.test/s\nserver=9.9.9.9\nno-resolv",
         {},
         "2: not carried over: 'server' fills no set\n3: not carried over: 'no-resolv' fills no "
         "set"},
        {"nftset=/#/s\nnftset=//s\nipset=x",
         {},
         "1: not carried over: every name: '/#/'\n2: not carried over: every name: '//'\n3: not "
         "carried over: 'ipset' without domains"},
        {"address=/router.test/192.0.2.1", {}, "1: not carried over: 'address' fills no set"},
        {"nftset=/co.uk/s",
         {},
         "1: not carried over: public suffix, where strangers register names, '.co.uk'"},
        {"nftset=/github.io/s",
         {"accept .github.io tcp 443"},
         "1: private suffix, where strangers put their sites, '.github.io'"}},
       kHttps);
}

TEST(ImportTest, QvmFirewall) {
  Tell(ImportQvmFirewall,
       {{"action=accept dsthost=a.test proto=tcp dstports=443-443\naction=accept "
         "specialtarget=dns\naction=accept proto=icmp\naction=drop",
         {"accept a.test tcp 443", "accept specialtarget=dns", "accept proto=icmp", "drop"}},
        {"action=accept dst4=192.0.2.0/24 comment=the lab: two",
         {"accept 192.0.2.0/24 comment='the "
          "lab: two'"}},
        {"action=accept dsthost=a.test expire=1893456000", {"accept a.test expire=1893456000"}},
        {"NO  ACTION  HOST    PROTOCOL  PORT(S)  SPECIAL TARGET  ICMP TYPE  EXPIRE  COMMENT\n"
         "0   accept  a.test  tcp       80-90    -               -          -       a comment\n"
         "1   accept  -       icmp      -        -               8          -       -\n"
         "2   accept  -       -         -        dns             -          -       -\n"
         "3   accept  -       -         -        -               -          +299s   -\n"
         "4   drop    -       -         -        -               -          -       -\n",
         {"accept a.test tcp 80-90 comment='a comment'", "accept proto=icmp icmptype=8",
          "accept specialtarget=dns", "drop"},
         "5: not carried over: it ends so long after it was listed, and when was that?"},
        {"action=accept dpi=x dsthost=a.test\naction=accept dsthost=b.test",
         {"accept b.test"},
         "1: not carried over: unknown key 'dpi'"},
        {"action=drop dsthost=a..b\naction=accept",
         {"drop", "accept"},
         "1: not carried over: empty label in host 'a..b'\n1: so all is dropped there: nothing "
         "behind acts"}},
       kHttps);
}

TEST(ImportTest, Tinyproxy) {
  Tell(ImportTinyproxy,
       {{"# sites\n^(.*\\.)?a\\.test$ # all\n\n^b\\.test$",
         {"accept .a.test tcp 443", "accept b.test tcp 443"}},
        {"^cdn[0-9]\\.a\\.test$",
         {"accept ~cdn[0-9]\\.a\\.test tcp 443"},
         "1: '^cdn[0-9]\\.a\\.test$': kept as a regular expression"},
        {".*", {}, "1: not carried over: strangers' names match, any-stranger.com too: '~.*.*.*'"},
        {"a(", {}, "1: not carried over: regular expression refused (missing ): .*a(.*) '~.*a(.*'"},
        {"(^|\\.)co\\.uk$",
         {},
         "1: not carried over: public suffix, where strangers register names, '.co.uk'"}},
       kHttps);
  Tell(ImportTinyproxy, {{"^ads\\.test$", {"drop ads.test"}}}, {kHttps.services, true});
}

TEST(ImportTest, EachServiceHasItsRun) {
  const Imported imported = ImportTinyproxy("file", "^a\\.test$\n^b\\.test$", {});
  EXPECT_EQ(LinesOf(imported), Texts({"accept a.test tcp 443", "accept b.test tcp 443",
                                      "accept a.test tcp 80", "accept b.test tcp 80"}));
}

TEST(ImportTest, TinyproxyNamesItsClients) {
  const struct {
    std::string file;
    std::string client;
    Texts addresses;
  } rows[] = {
      {"/etc/filters/work.10.137.0.25", "work", {"10.137.0.25"}},
      {"my.work.10.137.0.25.filter", "my.work", {"10.137.0.25"}},
      {"work.10.137.0.25.10.137.0.26", "work", {"10.137.0.25", "10.137.0.26"}},
      {"work.10.137.0.25.fd09::19", "work", {"10.137.0.25", "fd09::19"}},
      {"work", "work", {}},
      {"10.137.0.25", "", {"10.137.0.25"}},
      {"work.127.0.0.1", "work", {}},
      {"work.10.137.0.256", "work.10.137.0.256", {}},
      {"-", "", {}},
  };
  for (const auto& row : rows) {
    const Imported imported = ImportTinyproxy(row.file, "", {});
    Texts addresses;
    for (const Address& address : imported.addresses) {
      addresses.push_back(address.Text());
    }
    EXPECT_EQ(imported.client, row.client) << row.file;
    EXPECT_EQ(addresses, row.addresses) << row.file;
    ExpectParses(imported);
  }
}

TEST(ImportTest, DynamicFirewall) {
  const auto all = ImportDynamicFirewall(
      "file", "# clients\nwork github pypi github\nmedia lab\nwork google\n../x google\n", {});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].client, "work");
  EXPECT_EQ(LinesOf(all[0]), Texts({"use github", "use pypi", "use google"}));
  EXPECT_EQ(all[1].client, "media");
  EXPECT_EQ(LinesOf(all[1]), Texts({"use lab"}));
  EXPECT_EQ(SaidBy(all[1]),
            "3: profiles.d needs 'lab', with names\n5: not carried over: client '../x'");
  ExpectParses(all[0]);
  ExpectParses(all[1]);
}

TEST(ImportTest, TheFileSaysWhatIsNotInIt) {
  const Imported imported = ImportDnsmasq("/etc/dnsmasq.conf", "server=9.9.9.9", {});
  EXPECT_EQ(imported.Text(),
            "# From /etc/dnsmasq.conf, by dnspin import.\n"
            "# line 1: not carried over: 'server' fills no set\n"
            "address 192.0.2.1  # nobody's: put the addresses of the client here\n\n");
}

TEST(ImportTest, RegularExpressionsAreLimited) {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text += fmt::format("^a{}[0-9]\\.test$\n", i);
  }
  const Imported imported = ImportTinyproxy("file", text, {});
  EXPECT_EQ(imported.rule_count(), 256U);
  ExpectParses(imported);
}

// Two files of one folder that name one address are an error.
TEST(Imported, ClientsWithoutAddressesHaveOneOfNobodysEach) {
  const Imported imported("list", {});
  EXPECT_NE(imported.Text(0).find("\naddress 192.0.2.1 "), std::string::npos);
  EXPECT_NE(imported.Text(1).find("\naddress 192.0.2.2 "), std::string::npos);
  EXPECT_NE(imported.Text(253).find("\naddress 192.0.2.254 "), std::string::npos);
}

}  // namespace
}  // namespace dnspin
