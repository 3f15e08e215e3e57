// The profiles in packaging/profiles.d, as an administrator would take them.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "config/configuration.h"
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

TEST(ShippedProfiles, GoTogether) {
  std::string uses;
  for (const std::string& name : ShippedProfiles()) {
    uses += " " + name;
  }
  EXPECT_EQ(SaidOf(LoadWith(uses)), "");
}

}  // namespace
}  // namespace dnspin
