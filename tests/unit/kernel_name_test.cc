// Names that reach nft command text unquoted: none may bring a word of its own.
#include "pinning/kernel_name.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dnspin {
namespace {

using namespace std::string_literals;

struct Story {
  std::string text;
  bool interface, table;
};

const std::vector<Story> kStories = {
    {"vif*", true, false},
    {"vif12.0", true, false},
    {"eth0", true, true},
    {"dnspin", true, true},
    {"qubes-firewall", true, true},
    {"wl_p2s0", true, true},
    {"fifteen-octets-", true, true},
    {"sixteen--octets-", false, true},
    {"fourteen-octe*", true, false},
    {"sixteen--octet*", true, false},
    {"seventeen-octet*", false, false},
    {"thirty-one-octets-is-the-longest", false, false},
    {"thirty-one-octets-is-the-most--", false, true},
    {"", false, false},
    {"*", false, false},
    {"v*f", false, false},
    {"vif**", false, false},
    {"0table", true, false},
    {"-table", true, false},
    {"a b", false, false},
    {"a;b", false, false},
    {"a{b", false, false},
    {"a\"b", false, false},
    {"a\nb", false, false},
    {"a\0b"s, false, false},
    {"a/b", false, false},
    {"a#b", false, false},
    {"a\xC3\xA9", false, false},
};

TEST(KernelName, OnlyPlainWords) {
  for (const Story& story : kStories) {
    EXPECT_EQ(IsInterfacePattern(story.text), story.interface) << story.text;
    EXPECT_EQ(IsTableName(story.text), story.table) << story.text;
  }
}

TEST(KernelName, AStarStandsForAnyEnd) {
  const std::vector<std::string> patterns = {"vif*", "eth0"};
  EXPECT_TRUE(MatchesInterface(patterns, "vif12.0"));
  EXPECT_TRUE(MatchesInterface(patterns, "vif"));
  EXPECT_TRUE(MatchesInterface(patterns, "eth0"));
  EXPECT_FALSE(MatchesInterface(patterns, "eth01"));
  EXPECT_FALSE(MatchesInterface(patterns, "xvif1"));
  EXPECT_FALSE(MatchesInterface(patterns, "vi"));
  EXPECT_FALSE(MatchesInterface(patterns, ""));
  EXPECT_FALSE(MatchesInterface({}, "vif1"));
}

}  // namespace
}  // namespace dnspin
