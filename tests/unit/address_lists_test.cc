#include "config/address_lists.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/temporary_folder.h"
#include "tests/unit/diagnostic_text.h"

namespace dnspin {
namespace {

constexpr int64_t kMuchLater = 1'000'000'000'000;  // so that every file has settled

struct Row {
  std::string text;
  size_t ranges;
  std::string said;
};

TEST(AddressList, IsOneNetworkALine) {
  const std::vector<Row> rows = {
      {"", 0, ""},
      {"# nothing yet\n\n   \n", 0, ""},
      {"151.101.0.0/16\n2a04:4e40::/32\n", 2, ""},
      {"\xEF\xBB\xBF"
       "151.101.0.0/16\r\n151.102.0.0/16 # adjacent\r\n",
       1, ""},
      {"  192.0.2.7  ", 1, ""},
      {"192.0.2.7 192.0.2.9", 0, "f:1:11: error: one network a line, not also '192.0.2.9'\n"},
      {"192.0.2.0/24\n192.0.2.256\n", 1,
       "f:2:1: error: neither an address nor a network: '192.0.2.256'\n"},
      {"fastly.com\n", 0, "f:1:1: error: neither an address nor a network: 'fastly.com'\n"},
      {"192.0.2.0/33\n", 0, "f:1:1: error: neither an address nor a network: '192.0.2.0/33'\n"},
      {"192.0.2.1/24\n", 0,
       "f:1:1: error: there are bits behind the length of '192.0.2.1/24'; did you mean "
       "'192.0.2.0/24'?\n"},
      {"0.0.0.0/0\n", 0, "f:1:1: error: too large for a provider's: '0.0.0.0/0'\n"},
      {"128.0.0.0/7\n", 0, "f:1:1: error: too large for a provider's: '128.0.0.0/7'\n"},
      {"17.0.0.0/8\n", 1, ""},
      {"17.0.0.0/9\n17.128.0.0/9\n", 1, ""},
      {"17.0.0.0/8\n192.0.2.7\n", 2,
       "f:1:1: error: together larger than a provider's: an IPv6 /16, or an IPv4 /8\n"},
      {"2600::/16\n192.0.2.0/24\n", 2, ""},
      {"2600::/16\n2a00::/48\n", 2,
       "f:1:1: error: together larger than a provider's: an IPv6 /16, or an IPv4 /8\n"},
      {"::/0\n", 0, "f:1:1: error: too large for a provider's: '::/0'\n"},
      {"2600::/12\n", 0, "f:1:1: error: too large for a provider's: '2600::/12'\n"},
      {"2600::/16\n", 1, ""},
      {"10.0.0.0/8\n", 0, "f:1:1: error: not a network of the internet: '10.0.0.0/8'\n"},
      {"10.137.0.25\n", 0, "f:1:1: error: not a network of the internet: '10.137.0.25'\n"},
      {"100.0.0.0/8\n", 0, "f:1:1: error: not a network of the internet: '100.0.0.0/8'\n"},
      {"192.168.7.0/24\n", 0, "f:1:1: error: not a network of the internet: '192.168.7.0/24'\n"},
      {"127.0.0.1\n", 0, "f:1:1: error: not a network of the internet: '127.0.0.1'\n"},
      {"224.0.0.251\n", 0, "f:1:1: error: not a network of the internet: '224.0.0.251'\n"},
      {"fd09:24ef:4179::/48\n", 0,
       "f:1:1: error: not a network of the internet: 'fd09:24ef:4179::/48'\n"},
      {"::ffff:10.0.0.1\n", 0, "f:1:1: error: not a network of the internet: '::ffff:10.0.0.1'\n"},
      {"2002:a00:1::/48\n", 0, "f:1:1: error: not a network of the internet: '2002:a00:1::/48'\n"},
      {"64:ff9b::/96\n", 0, "f:1:1: error: not a network of the internet: '64:ff9b::/96'\n"},
      {std::string("192.0.2.7\0\n", 11), 0,
       "f:1:1: error: neither an address nor a network: '192.0.2.7\\000'\n"},
      {"\x1b[2J192.0.2.7\n", 0,
       "f:1:1: error: neither an address nor a network: '\\027[2J192.0.2.7'\n"},
  };
  for (const Row& row : rows) {
    std::vector<Diagnostic> said;
    EXPECT_EQ(ReadAddressList("f", row.text, said).size(), row.ranges) << row.text;
    EXPECT_EQ(Said(said), row.said) << row.text;
  }
}

TEST(AddressList, HasItsLimits) {
  std::string many;
  std::string apart;
  for (size_t i = 0; i < kNetworksMax; ++i) {
    many += fmt::format("51.{}.{}.{}\n", i >> 16, (i >> 8) & 255, i & 255);
  }
  for (size_t i = 0; i <= kAddressRangesMax; ++i) {
    apart += fmt::format("51.{}.{}.{}\n", i >> 15, (i >> 7) & 255, 2 * (i & 127));
  }
  std::vector<Diagnostic> said;
  EXPECT_EQ(ReadAddressList("f", many, said).size(), 1U);
  EXPECT_EQ(Said(said), "");
  ReadAddressList("f", many + "192.0.2.1\n", said);
  EXPECT_EQ(Said(said), "f:100001:1: error: more than 100000 networks: '192.0.2.1'\n");
  said.clear();
  ReadAddressList("f", apart, said);
  EXPECT_EQ(Said(said), "f:1:1: error: more than 16384 networks that do not touch each other\n");
  said.clear();
  std::string bad;
  for (int i = 0; i < 2000; ++i) {
    bad += "x\n";
  }
  ReadAddressList("f", bad, said);
  EXPECT_EQ(said.size(), 1001U);
}

class AddressListsTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return (folder_.path() / name).string(); }
  RuleList Rules(const std::string& name) const {
    Rule rule;
    rule.action = Action::kAccept;
    rule.networks = std::make_shared<const NetworkList>(NetworkList{Path(name), {}});
    return {rule};
  }
  // How many ranges are held, and what is said.
  std::pair<size_t, std::string> Look(const std::string& name, int64_t now = kMuchLater) {
    std::vector<Diagnostic> said;
    const NetworkLists lists = lists_.Read({Rules(name)}, now, said);
    std::string text = Said(said);
    const std::string prefix = folder_.path().string() + "/";
    for (size_t at; (at = text.find(prefix)) != std::string::npos;) {
      text.erase(at, prefix.size());
    }
    last_ = lists.at(Path(name));
    return {last_->ranges.size(), text};
  }

  TemporaryFolder folder_;
  AddressLists lists_;
  std::shared_ptr<const NetworkList> last_;
};

TEST_F(AddressListsTest, AFileThatIsMissingOpensNothing) {
  using Pair = std::pair<size_t, std::string>;
  const std::string missing = "a:1:1: warning: there is no such file yet: nothing is open by it\n";
  EXPECT_EQ(Look("a"), Pair(0, missing));
  folder_.Write("a", "192.0.2.0/24\n");
  EXPECT_EQ(Look("a"), Pair(1, ""));
  std::filesystem::remove(Path("a"));
  EXPECT_EQ(Look("a"), Pair(0, missing));
}

TEST_F(AddressListsTest, ABadFileLeavesWhatItSaidBefore) {
  folder_.Write("a", "192.0.2.0/24\n198.51.100.0/24\n");
  EXPECT_EQ(Look("a").first, 2U);
  const auto before = last_;
  folder_.Write("a", "192.0.2.0/24\n0.0.0.0/0\n");
  EXPECT_EQ(Look("a").first, 2U);
  EXPECT_EQ(Look("a").second, "a:2:1: error: too large for a provider's: '0.0.0.0/0'\n");
  EXPECT_EQ(last_, before);
  folder_.Write("b", "0.0.0.0/0\n");
  EXPECT_EQ(Look("b").first, 0U);
}

TEST_F(AddressListsTest, AllOfThemTogetherHaveALimit) {
  std::string full;
  for (size_t i = 0; i < kAddressRangesMax; ++i) {
    full += fmt::format("51.{}.{}.{}\n", i >> 15, (i >> 7) & 255, 2 * (i & 127));
  }
  std::vector<RuleList> rules;
  for (const char* const name : {"a", "b", "c", "d", "e", "f"}) {
    folder_.Write(name, name == std::string("f") ? "" : full);
    rules.push_back(Rules(name));
  }
  std::vector<Diagnostic> said;
  const NetworkLists lists = lists_.Read(rules, kMuchLater, said);
  EXPECT_EQ(lists.at(Path("d"))->ranges.size(), kAddressRangesMax);
  EXPECT_EQ(lists.at(Path("e"))->ranges.size(), 0U);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].message, "with those before it more than 65536 networks");
}

TEST_F(AddressListsTest, WhatSaysTheSameIsTheSame) {
  folder_.Write("a", "192.0.2.0/25\n192.0.2.128/25\n");
  Look("a");
  const auto before = last_;
  folder_.Write("a", "# merged by its provider\n192.0.2.0/24\n");
  Look("a", 0);
  EXPECT_EQ(last_, before);
}

TEST_F(AddressListsTest, AFileThatEveryoneMayWriteIsNone) {
  folder_.Write("a", "192.0.2.0/24\n");
  std::filesystem::permissions(Path("a"), std::filesystem::perms::others_write,
                               std::filesystem::perm_options::add);
  EXPECT_EQ(Look("a").second, "a:1:1: error: everyone may write this file: chmod o-w\n");
}

TEST(PlaceOfAddresses, IsBelowOneFolderOrSpelt) {
  EXPECT_EQ(PlaceOfAddresses("fastly"), "/var/lib/dnspin/addresses/fastly");
  EXPECT_EQ(PlaceOfAddresses("/rw/config/dnspin/office"), "/rw/config/dnspin/office");
}

}  // namespace
}  // namespace dnspin
