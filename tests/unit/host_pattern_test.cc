// What a pattern means (peers.md 4, row 14), one pattern at a time.
#include "pinning/host_pattern.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pinning/name_rules.h"

namespace dnspin {
namespace {

using namespace std::string_literals;
using Kind = HostPattern::Kind;

HostPattern Named(Kind kind, const std::string& name) { return {kind, *Name::FromHost(name), ""}; }
HostPattern Regex(const std::string& regex) { return {Kind::kRegex, Name(), regex}; }

Name N(const std::string& host) { return *Name::FromHost(host); }
Name W(const std::string& wire) { return *Name::FromWire(wire); }

TEST(HostPattern, ReadsAsItIsWritten) {
  EXPECT_EQ(Named(Kind::kName, "Example.com").Text(), "example.com");
  EXPECT_EQ(Named(Kind::kZone, "example.com").Text(), ".example.com");
  EXPECT_EQ(Named(Kind::kBelow, "example.com").Text(), "*.example.com");
  EXPECT_EQ(Regex("a|b\\.com").Text(), "~a|b\\.com");
}

struct Story {
  std::string what;
  HostPattern pattern;
  Name name;
  bool matches;
};

const HostPattern kThat = Named(Kind::kName, "cdn.test");
const HostPattern kZone = Named(Kind::kZone, "cdn.test");
const HostPattern kBelow = Named(Kind::kBelow, "cdn.test");

const std::vector<Story> kStories = {
    {"a name is that name", kThat, N("cdn.test"), true},
    {"a name in other case", kThat, N("CDN.Test"), true},
    {"a name with a final dot", kThat, N("cdn.test."), true},
    {"a name is not what is below it", kThat, N("www.cdn.test"), false},
    {"a name is not what is above it", kThat, N("test"), false},
    {"a name is not its look-alike", kThat, N("evilcdn.test"), false},
    {"a name's dots are not any character", kThat, N("cdnxtest"), false},
    {"a zone is its apex", kZone, N("cdn.test"), true},
    {"a zone is one label below", kZone, N("www.cdn.test"), true},
    {"a zone is any number of labels below", kZone, N("a.b.c.d.cdn.test"), true},
    {"a zone is not what is above it", kZone, N("test"), false},
    {"a zone is not its look-alike", kZone, N("evilcdn.test"), false},
    {"a zone is not a look-alike's child", kZone, N("www.evilcdn.test"), false},
    {"a zone is not where it is the front", kZone, N("cdn.test.evil.org"), false},
    {"a star is not the apex", kBelow, N("cdn.test"), false},
    {"a star is one label", kBelow, N("www.cdn.test"), true},
    {"a star is many labels", kBelow, N("a.b.cdn.test"), true},
    {"a star is not its look-alike", kBelow, N("evilcdn.test"), false},
    {"a star is not the root", kBelow, Name(), false},
    {"a dot inside a label ends no label", kZone,
     W("\x0c"
       "www.cdn.test\0"s),
     false},
    {"nor does one before the last label", kZone, W("\7www.cdn\4test\0"s), false},
    {"octets of the zone inside a label", kZone,
     W("\x0d"
       "evil\3cdn\4test\0"s),
     false},
    {"odd octets below a zone still are below it", kZone, W("\3a\0b\3cdn\4test\0"s), true},

    {"a regex is the whole name", Regex("cdn\\.test"), N("cdn.test"), true},
    {"a regex is anchored in front", Regex("cdn\\.test"), N("evilcdn.test"), false},
    {"a regex is anchored behind", Regex("cdn\\.test"), N("cdn.test.evil.org"), false},
    {"each branch of it is anchored", Regex("cdn\\.test|a\\.org"), N("cdn.test.evil.org"), false},
    {"both branches in front", Regex("cdn\\.test|a\\.org"), N("evil.a.org"), false},
    {"a branch", Regex("cdn\\.test|a\\.org"), N("a.org"), true},
    {"an empty branch is no name", Regex("cdn\\.test|"), N("evil.org"), false},
    {"its own anchors do no harm", Regex("^cdn\\.test$"), N("cdn.test"), true},
    {"an anchor inside opens nothing", Regex("(?m)cdn\\.test$"), N("cdn.test.evil.org"), false},
    {"names are lower case", Regex("cdn\\.test"), N("CDN.TEST"), true},
    {"there is no final dot", Regex("cdn\\.test\\."), N("cdn.test."), false},
    {"a dot of a regex is any character", Regex("cdn.test"), N("cdn-test"), true},
    {"a newline is text, no end of a line", Regex("cdn\\.test"),
     W("\x0c"
       "cdn.test\ncdn\0"s),
     false},
    {"odd octets are escapes, not themselves", Regex("a b"), W("\3a b\0"s), false},
    {"the escape is what a regex sees", Regex("a\\\\032b"), W("\3a b\0"s), true},
    {"a dot inside a label is an escape too", Regex("cdn\\.test"),
     W("\x08"
       "cdn.test\0"s),
     false},
};

TEST(HostPattern, MatchesWhatItSays) {
  for (const Story& story : kStories) {
    EXPECT_EQ(IndexPatterns({&story.pattern, 1}).Matches(story.name), story.matches)
        << story.what << ": " << story.pattern.Text() << " " << story.name.Text();
  }
}

// A name that a rule lists is shown, logged and written into comments: what its text says must be
// that name and no other.
TEST(HostPattern, TheTextOfANameMatchesThatNameAlone) {
  const std::vector<Name> names = {N("cdn.test"),
                                   W("\x08"
                                     "cdn.test\0"s),
                                   W("\3cdn\5test.\0"s), N("evilcdn.test")};
  for (const Name& one : names) {
    for (const Name& other : names) {
      EXPECT_EQ(one.Text() == other.Text(), one == other);
    }
  }
}

}  // namespace
}  // namespace dnspin
