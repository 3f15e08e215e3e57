// The profiles in packaging/profiles.d, as an administrator would take them.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "config/configuration.h"
#include "pinning/host_pattern.h"
#include "pinning/name.h"
#include "pinning/rule.h"
#include "tests/temporary_folder.h"
#include "tests/unit/diagnostic_text.h"

namespace dnspin {
namespace {

const std::filesystem::path kProfiles =
    std::filesystem::path(DNSPIN_SOURCE_DIR) / "packaging/profiles.d";

std::vector<std::string> ShippedProfiles() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kProfiles)) {
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

LoadResult LoadWith(const std::string& uses) {
  const TemporaryFolder folder;
  folder.Write("dnspin.toml", "");
  std::filesystem::copy(kProfiles, folder.path() / "profiles.d");
  folder.Write("clients.d/work", "address 10.137.0.25\nuse" + uses + "\n");
  return Load(ConfigurationFiles::One(folder.path() / "dnspin.toml"));
}

// But that a file of addresses was not fetched yet.
std::string SaidOf(LoadResult result) {
  std::erase_if(result.diagnostics, [](const Diagnostic& one) {
    return one.file.starts_with("/var/lib/dnspin/addresses/");
  });
  return Said(result.diagnostics);
}

// Where whoever rents a machine, a site or a bucket has a name.
constexpr std::array<std::string_view, 38> kZonesOfStrangers{
    "bc.googleusercontent.com",
    "googleusercontent.com",
    "storage.googleapis.com",
    "appspot.com",
    "run.app",
    "web.app",
    "firebaseapp.com",
    "blogspot.com",
    "github.io",
    "githubusercontent.com",
    "github.dev",
    "gitlab.io",
    "amazonaws.com",
    "cloudfront.net",
    "elasticbeanstalk.com",
    "on.aws",
    "awsglobalaccelerator.com",
    "azureedge.net",
    "azurefd.net",
    "azurewebsites.net",
    "cloudapp.azure.com",
    "core.windows.net",
    "trafficmanager.net",
    "fastly.net",
    "fastlylb.net",
    "akamaiedge.net",
    "akamaized.net",
    "herokuapp.com",
    "netlify.app",
    "vercel.app",
    "pages.dev",
    "workers.dev",
    "r2.dev",
    "r2.cloudflarestorage.com",
    "readthedocs.io",
    "debian.net",
    "fedorapeople.org",
    "wmcloud.org",
};

// True of `.NAME` and `*.NAME` at, above or below such a zone, and of every regular expression.
bool OpensStrangers(const HostPattern& pattern) {
  if (pattern.kind == HostPattern::Kind::kName) {
    return false;
  }
  return pattern.kind == HostPattern::Kind::kRegex ||
         std::any_of(kZonesOfStrangers.begin(), kZonesOfStrangers.end(), [&](auto zone) {
           const auto name = Name::FromHost(zone);
           return !name || pattern.name.IsWithin(*name) || name->IsWithin(pattern.name);
         });
}

class ShippedProfile : public testing::TestWithParam<std::string> {};

TEST_P(ShippedProfile, IsReadWithoutAWord) {
  const LoadResult result = LoadWith(" " + GetParam());
  EXPECT_EQ(SaidOf(result), "");
  ASSERT_TRUE(result.configuration);
  EXPECT_FALSE(result.configuration->clients[0].rules.empty());
}

TEST_P(ShippedProfile, NamesItsSources) {
  std::ifstream file(kProfiles / GetParam());
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_TRUE(text.starts_with("# ")) << "a word of what it is for";
  EXPECT_NE(text.find("# Sources, as of "), std::string::npos);
  EXPECT_NE(text.find("#   https://"), std::string::npos);
}

TEST_P(ShippedProfile, OpensNoZoneOfStrangers) {
  const LoadResult result = LoadWith(" " + GetParam());
  ASSERT_TRUE(result.configuration);
  for (const Rule& rule : result.configuration->clients[0].rules) {
    const bool opens = rule.action == Action::kAccept && rule.host && OpensStrangers(*rule.host);
    EXPECT_FALSE(opens) << rule.Text();
  }
}

INSTANTIATE_TEST_SUITE_P(All, ShippedProfile, testing::ValuesIn(ShippedProfiles()),
                         [](const auto& shipped) {
                           std::string name = shipped.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(ShippedProfiles, AreThoseThatWerePromised) {
  const std::vector<std::string> names = ShippedProfiles();
  for (const char* const name :
       {"certificate-status", "crates", "debian", "docker-hub", "fastly", "fedora", "github",
        "gitlab", "google", "mozilla", "npm", "pypi", "qubes", "wikipedia", "youtube"}) {
    EXPECT_TRUE(std::binary_search(names.begin(), names.end(), name)) << name;
  }
}

TEST(ShippedProfiles, AreSearchedForStrangers) {
  for (const char* const text : {".googleusercontent.com", "*.bc.googleusercontent.com", ".io",
                                 ".s3.amazonaws.com", "~.*[.]google[.]com"}) {
    const auto pattern = HostPattern::FromText(text);
    ASSERT_TRUE(pattern) << text;
    EXPECT_TRUE(OpensStrangers(*pattern)) << text;
  }
  for (const char* const text : {"lh3.googleusercontent.com", ".google.com", ".deb.debian.org"}) {
    const auto pattern = HostPattern::FromText(text);
    ASSERT_TRUE(pattern) << text;
    EXPECT_FALSE(OpensStrangers(*pattern)) << text;
  }
}

TEST(ShippedProfiles, GoTogether) {
  std::string uses;
  for (const std::string& name : ShippedProfiles()) {
    uses += " " + name;
  }
  EXPECT_EQ(SaidOf(LoadWith(uses)), "");
}

}  // namespace
}  // namespace dnspin
