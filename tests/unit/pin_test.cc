// What an element's comment says, and how it is read back (design.md 5).
#include "pinning/pin.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace dnspin {
namespace {

Name N(const std::string& host) { return *Name::FromHost(host); }
std::string Label(size_t octets) { return std::string(octets, 'a'); }

struct Story {
  std::string what;
  std::string rule_host;
  Name asked;
  std::string comment;
  std::string rule_host_read, asked_read;
};

const std::vector<Story> kStories = {
    {"a zone", ".github.com", N("api.github.com"), ".github.com < api.github.com", ".github.com",
     "api.github.com"},
    {"a zone's apex", ".github.com", N("github.com"), ".github.com < github.com", ".github.com",
     "github.com"},
    {"a name is its own host", "github.com", N("github.com"), "github.com", "github.com",
     "github.com"},
    {"a star", "*.github.com", N("a.github.com"), "*.github.com < a.github.com", "*.github.com",
     "a.github.com"},
    {"a regex", "~a|b", N("a"), "~a|b < a", "~a|b", "a"},
    {"a regex with a less-than sign between blanks", "~(a < b)?c", N("c"), "~(a < b)?c < c",
     "~(a < b)?c", "c"},
    {"a regex with a quote, which nft could not print", "~\"?a", N("a"), "~??a < a", "~??a", "a"},
    {"a regex with a line break", "~a\n?", N("a"), "~a?? < a", "~a??", "a"},
    {"a regex with a letter beyond ASCII", "~\xC3\xA9?a", N("a"), "~???a < a", "~???a", "a"},
    {"a regex with a zero octet", std::string("~a\0?", 4), N("a"), "~a?? < a", "~a??", "a"},
};

TEST(PinComment, SaysTheRuleAndTheName) {
  for (const Story& story : kStories) {
    SCOPED_TRACE(story.what);
    const std::string comment(PinComment(story.rule_host, story.asked).view());
    EXPECT_EQ(comment, story.comment);
    const CommentParts parts = ReadPinComment(comment);
    EXPECT_EQ(parts.rule_host, story.rule_host_read);
    EXPECT_EQ(parts.asked, story.asked_read);
  }
}

TEST(PinComment, IsCutToFitAndPrintable) {
  for (size_t rule = 1; rule < 200; rule += 3) {
    for (size_t asked = 1; asked <= 63; asked += 2) {
      const std::string rule_host = "~" + std::string(rule, rule % 2 == 0 ? 'x' : '\n');
      const Name name = N(Label(asked) + "." + Label(63) + ".test");
      const std::string comment(PinComment(rule_host, name).view());
      ASSERT_LE(comment.size(), kCommentOctetsMax);
      ASSERT_TRUE(std::all_of(comment.begin(), comment.end(),
                              [](char c) { return c >= ' ' && c <= '~' && c != '"'; }));
      const CommentParts parts = ReadPinComment(comment);
      ASSERT_EQ(comment.substr(0, parts.rule_host.size()), parts.rule_host);
      if (rule_host.size() + 3 + name.Text().size() <= kCommentOctetsMax) {
        ASSERT_EQ(parts.asked, name.Text());
      }
    }
  }
  const std::string longest = Label(63) + "." + Label(63) + "." + Label(63) + "." + Label(61);
  EXPECT_EQ(PinComment(longest, N(longest)), longest.substr(0, 128));
  EXPECT_EQ(PinComment(".test", N(longest.substr(0, 120) + ".test")).size(), 128U);
}

// Anybody may have written a comment.
TEST(ReadPinComment, TakesAnything) {
  EXPECT_EQ(ReadPinComment("").rule_host, "");
  EXPECT_EQ(ReadPinComment("").asked, "");
  EXPECT_EQ(ReadPinComment(" < ").rule_host, "");
  EXPECT_EQ(ReadPinComment(" < ").asked, "");
  EXPECT_EQ(ReadPinComment("a < ").asked, "");
  EXPECT_EQ(ReadPinComment("a <").rule_host, "a <");
  EXPECT_EQ(ReadPinComment("my own note").rule_host, "my own note");
}

}  // namespace
}  // namespace dnspin
