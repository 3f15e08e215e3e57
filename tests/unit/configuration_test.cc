#include "config/configuration.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <string>
#include <thread>

#include "tests/temporary_folder.h"
#include "tests/unit/diagnostic_text.h"

namespace dnspin {
namespace {

class ConfigurationTest : public testing::Test {
 protected:
  ConfigurationTest() { Write("etc/dnspin.toml", ""); }

  void Write(const std::string& name, const std::string& text) { folder_.Write(name, text); }

  LoadResult LoadAll() {
    return Load({{root_ / "etc/dnspin.toml", root_ / "rw/dnspin.toml"}, true});
  }

  // What was said, with paths as the test wrote them.
  std::string SaidOf(const LoadResult& result) {
    std::string said = Said(result.diagnostics);
    const std::string prefix = root_.string() + "/";
    for (size_t at; (at = said.find(prefix)) != std::string::npos;) {
      said.erase(at, prefix.size());
    }
    return said;
  }
  std::string Faults() {
    const LoadResult result = LoadAll();
    EXPECT_FALSE(result.configuration);
    return SaidOf(result);
  }

  TemporaryFolder folder_;
  const std::filesystem::path& root_ = folder_.path();
};

std::string RulesOf(const ClientConfig& client) {
  std::string text;
  for (const Rule& rule : client.rules) {
    text += rule.Text() + " @" + rule.origin.Text() + "\n";
  }
  return text;
}

TEST_F(ConfigurationTest, NothingAtAllIsTheDefaultsAndNoClients) {
  std::filesystem::remove_all(root_ / "etc");
  const LoadResult result = LoadAll();
  EXPECT_EQ(SaidOf(result), "");
  ASSERT_TRUE(result.configuration);
  EXPECT_EQ(*result.configuration, Configuration());
}

TEST_F(ConfigurationTest, ANamedFileMustBeThere) {
  const LoadResult result = Load(ConfigurationFiles::One(root_ / "none.toml"));
  EXPECT_FALSE(result.configuration);
  EXPECT_EQ(SaidOf(result), "none.toml:1:1: error: cannot open: No such file or directory\n");
}

TEST_F(ConfigurationTest, ProfilesStandWhereTheyAreUsed) {
  Write("etc/clients.d/work", "address 10.0.0.1\naccept a.example\nuse gh\naccept b.example\n");
  Write("etc/clients.d/play", "address 10.0.0.2\nuse github pypi\n");
  Write("etc/clients.d/shut", "address 10.0.0.3\n");
  Write("etc/profiles.d/github", "github.com\n.github.com\n");
  Write("etc/profiles.d/gh", "alias hub\n");
  Write("etc/profiles.d/hub", "alias github\n");
  Write("etc/profiles.d/pypi", "accept .pypi.org tcp 443\n");
  const LoadResult result = LoadAll();
  EXPECT_EQ(SaidOf(result), "");
  ASSERT_TRUE(result.configuration);
  const auto& clients = result.configuration->clients;
  ASSERT_EQ(clients.size(), 3U);
  EXPECT_EQ(clients[0].name, "play");
  EXPECT_EQ(RulesOf(clients[0]),
            "action=accept dsthost=github.com @profiles.d/github:1\n"
            "action=accept dsthost=.github.com @profiles.d/github:2\n"
            "action=accept dsthost=.pypi.org proto=tcp dstports=443-443 @profiles.d/pypi:1\n");
  EXPECT_TRUE(clients[1].rules.empty()) << "no rules, nothing allowed";
  EXPECT_EQ(RulesOf(clients[2]),
            "action=accept dsthost=a.example @clients.d/work:2\n"
            "action=accept dsthost=github.com @profiles.d/github:1\n"
            "action=accept dsthost=.github.com @profiles.d/github:2\n"
            "action=accept dsthost=b.example @clients.d/work:4\n");
}

TEST_F(ConfigurationTest, TheSecondPlaceStandsOverTheFirst) {
  Write("etc/dnspin.toml", "[pins]\nslack = \"1m\"\nfloor = \"1m\"\n");
  Write("etc/clients.d/work", "address 10.0.0.1\naccept this is replaced, so never read\n");
  Write("etc/clients.d/play", "address 10.0.0.2\nuse site\n");
  Write("etc/profiles.d/site", "old.example\n");
  Write("rw/dnspin.toml", "[pins]\nfloor = \"2m\"\n");
  Write("rw/clients.d/work", "address 10.0.0.3\n");
  Write("rw/profiles.d/site", "new.example\n");
  const LoadResult result = LoadAll();
  EXPECT_EQ(SaidOf(result), "");
  ASSERT_TRUE(result.configuration);
  EXPECT_EQ(result.configuration->settings.terms.slack, std::chrono::seconds(60));
  EXPECT_EQ(result.configuration->settings.terms.floor, std::chrono::seconds(120));
  ASSERT_EQ(result.configuration->clients.size(), 2U);
  EXPECT_EQ(RulesOf(result.configuration->clients[0]),
            "action=accept dsthost=new.example @profiles.d/site:1\n");
  EXPECT_EQ(result.configuration->clients[1].addresses[0].Text(), "10.0.0.3");
}

// Which files are read: what is known of the others is made to say something else.
TEST_F(ConfigurationTest, WhatDidNotChangeIsNotReadAgain) {
  const auto files = ConfigurationFiles::One((folder_.path() / "etc/dnspin.toml").string());
  const auto path = [&](const char* name) { return (folder_.path() / name).string(); };
  Write("etc/clients.d/a", "address 10.0.0.1\na.example\n");
  Write("etc/clients.d/b", "address 10.0.0.2\nb.example\n");
  Write("etc/clients.d/c", "address 10.0.0.3\nuse site\ndrop *.ads.example\n");
  Write("etc/profiles.d/site", "c.example\n");
  const int64_t now = std::time(nullptr);
  LoadResult result = Load(files, {}, now + 60);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const std::string said = result.diagnostics.at(0).Text();
  const auto hosts_after = [&](int64_t wall_seconds) {
    for (auto& [name, file] : result.known.clients) {
      for (Rule& rule : file.rules.Own()) {
        rule.action = Action::kDrop;
      }
    }
    result = Load(files, result.known, wall_seconds);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the clock of files is coarse
    EXPECT_EQ(result.diagnostics.at(0).Text(), said) << "also of what is not read again";
    std::string text;
    for (const ClientConfig& client : result.configuration->clients) {
      text += client.rules[0].action == Action::kDrop ? "known " : client.rules[0].Text() + " ";
    }
    return text;
  };
  const std::string site = "action=accept dsthost=c.example ";
  EXPECT_EQ(hosts_after(now + 60), "known known known ");
  Write("etc/clients.d/b", "address 10.0.0.2\nd.example\n");  // as many octets as before
  EXPECT_EQ(hosts_after(now + 60), "known action=accept dsthost=d.example known ");
  Write("etc/clients.d/new", "address 10.0.0.1\ne.example\n");
  std::filesystem::rename(path("etc/clients.d/new"), path("etc/clients.d/a"));
  EXPECT_EQ(hosts_after(now + 60), "action=accept dsthost=e.example known known ");
  Write("etc/profiles.d/site", "c.example\n");
  EXPECT_EQ(hosts_after(now + 60), "known known " + site);
  Write("etc/profiles.d/other", "c.example\n");
  EXPECT_EQ(hosts_after(now + 60), "known known " + site);
  EXPECT_EQ(hosts_after(now + 60), "known known known ");
  EXPECT_EQ(hosts_after(now),
            "action=accept dsthost=e.example action=accept dsthost=d.example " + site)
      << "written a moment ago: it might be written again without a trace";
  Write("etc/clients.d/b", "address 10.0.0.1\nd.example\n");
  EXPECT_FALSE(Load(files, result.known, now + 60).configuration) << "the address of a";
}

TEST_F(ConfigurationTest, EveryErrorOfEveryFileIsSaidInOrder) {
  Write("etc/dnspin.toml", "[pins]\nslak = \"1m\"\n");
  Write("etc/clients.d/b", "address 10.0.0.1\nacept x.example\nuse githup\ndrop *\n");
  Write("etc/clients.d/a", "address 10.0.0.1\nuse loop gone\n");
  Write("etc/profiles.d/github", "github.com 443\n");
  Write("etc/profiles.d/loop", "alias pool\n");
  Write("etc/profiles.d/pool", "alias loop\n");
  Write("etc/profiles.d/gone", "alias gitub\n");
  EXPECT_EQ(Faults(),
            "etc/clients.d/b:1:9: error: client a has this address too: '10.0.0.1'\n"
            "etc/clients.d/b:2:1: error: unknown action 'acept'; did you mean 'accept'?\n"
            "etc/clients.d/b:3:5: error: unknown profile 'githup'; did you mean 'github'?\n"
            "etc/clients.d/b:4:6: error: a host cannot be every name '*'\n"
            "etc/dnspin.toml:2:1: error: unknown key 'slak'; did you mean 'slack'?\n"
            "etc/profiles.d/github:1:1: error: unknown action 'github.com'; did you mean 'accept "
            "github.com tcp 443'?\n"
            "etc/profiles.d/gone:1:7: error: unknown profile 'gitub'; did you mean 'github'?\n"
            "etc/profiles.d/loop:1:7: error: an alias that leads to no profile: 'pool'\n"
            "etc/profiles.d/pool:1:7: error: an alias that leads to no profile: 'loop'\n");
}

TEST_F(ConfigurationTest, WarningsDoNotRefuse) {
  Write("etc/clients.d/work", "address 10.0.0.1\nuse shut shut\nuse site\nb.example\n");
  Write("etc/profiles.d/shut", "a.example\ndrop\n");
  Write("etc/profiles.d/site", "drop .ads.example\n");
  const LoadResult result = LoadAll();
  EXPECT_EQ(SaidOf(result),
            "etc/clients.d/work:2:10: warning: profile shut matches everything, so nothing acts "
            "from here on\n"
            "etc/clients.d/work:2:10: warning: its rules stand here already, of profile 'shut'\n"
            "etc/profiles.d/site:1:6: warning: a dropped pattern acts in DNS only: "
            "'.ads.example'\n");
  ASSERT_TRUE(result.configuration);
  EXPECT_EQ(result.configuration->clients[0].rules.size(), 4U);
}

TEST_F(ConfigurationTest, WhatLiesInPlaceOfAFile) {
  Write("etc/clients.d/fine", "address 10.0.0.1\n");
  Write("etc/clients.d/folder/x", "");
  ASSERT_EQ(mkfifo((root_ / "etc/clients.d/pipe").c_str(), 0600), 0);
  std::filesystem::create_symlink("nowhere", root_ / "etc/clients.d/dangling");
  std::filesystem::create_symlink("fine", root_ / "etc/clients.d/.hidden-link");
  std::filesystem::create_symlink("/dev/null", root_ / "etc/clients.d/null");
  Write("etc/clients.d/open", "address 10.0.0.2\n");
  ASSERT_EQ(chmod((root_ / "etc/clients.d/open").c_str(), 0666), 0);
  Write("etc/clients.d/b\xC3\xBC", "address 10.0.0.3\n");
  Write("etc/clients.d/huge", "");
  std::filesystem::resize_file(root_ / "etc/clients.d/huge", (16 << 20) + 1);
  for (const char* ignored :
       {".swp", "fine~", "fine.bak", "fine.dpkg-old", "x.dpkg-dist", "y.rpmnew"}) {
    Write(std::string("etc/clients.d/") + ignored, "never read\n");
  }
  Write("etc/profiles.d", "not a folder");
  EXPECT_EQ(
      Faults(),
      "etc/clients.d/b\\195\\188:1:1: error: a file here is called by up to 64 letters, digits "
      "and ._-, first a letter or digit, not 'b\\195\\188'\n"
      "etc/clients.d/dangling:1:1: error: cannot open: No such file or directory\n"
      "etc/clients.d/folder:1:1: error: not a file but a folder\n"
      "etc/clients.d/huge:1:1: error: file over 16777216 octets\n"
      "etc/clients.d/null:1:1: error: not a file but a device\n"
      "etc/clients.d/open:1:1: error: everyone may write this file: chmod o-w\n"
      "etc/clients.d/pipe:1:1: error: not a file but a FIFO\n"
      "etc/profiles.d:1:1: error: cannot list: Not a directory\n");
}

TEST_F(ConfigurationTest, LinksToFilesAreFiles) {
  Write("elsewhere/work", "address 10.0.0.1\nexample.com\n");
  std::filesystem::create_directories(root_ / "etc/clients.d");
  std::filesystem::create_symlink(root_ / "elsewhere/work", root_ / "etc/clients.d/work");
  const LoadResult result = LoadAll();
  EXPECT_EQ(SaidOf(result), "");
  ASSERT_TRUE(result.configuration);
  EXPECT_EQ(result.configuration->clients.size(), 1U);
}

TEST_F(ConfigurationTest, WhatMayNotBeReadIsAnError) {
  Write("etc/clients.d/work", "address 10.0.0.1\n");
  ASSERT_EQ(chmod((root_ / "etc/clients.d/work").c_str(), 0), 0);
  if (geteuid() == 0) {  // who may read anything: then by the eyes of nobody, in the same order
    ASSERT_EQ(chmod(root_.c_str(), 0755), 0);
    ASSERT_EQ(seteuid(65534), 0);
  }
  const std::string said = Faults();
  if (getuid() == 0) {
    ASSERT_EQ(seteuid(0), 0);
  }
  EXPECT_EQ(said, "etc/clients.d/work:1:1: error: cannot open: Permission denied\n");
}

TEST_F(ConfigurationTest, RegularExpressionsAreCountedAClient) {
  std::string regexes;
  for (int i = 0; i < 200; ++i) {
    regexes += fmt::format("~a{}\\.example\n", i);
  }
  Write("etc/clients.d/work", "address 10.0.0.1\nuse one two\n");
  Write("etc/profiles.d/one", regexes);
  Write("etc/profiles.d/two", regexes);
  EXPECT_EQ(Faults(),
            "etc/clients.d/work:2:9: error: more than 256 regular expressions with this "
            "profile's\n");
}

TEST_F(ConfigurationTest, AHundredThousandRulesAreNoEffort) {
  std::string rules = "address 10.0.0.1\n";
  for (int i = 0; i < 100'000; ++i) {
    rules += fmt::format("accept .site{}.example.org tcp 443\n", i);
  }
  Write("etc/clients.d/work", rules);
  const auto start = std::chrono::steady_clock::now();
  const LoadResult result = LoadAll();
  // Linear takes well under a second; the sanitizers and a busy machine ten times that.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  EXPECT_EQ(SaidOf(result), "");
  ASSERT_TRUE(result.configuration);
  EXPECT_EQ(result.configuration->clients[0].rules.size(), 100'000U);
}

}  // namespace
}  // namespace dnspin
