#include "pinning/name_rules.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace dnspin {
namespace {

using Kind = HostPattern::Kind;
using Numbers = Positions;

Name N(const std::string& host) { return *Name::FromHost(host); }
HostPattern Named(Kind kind, const std::string& name) { return {kind, N(name), ""}; }
HostPattern Regex(const std::string& regex) { return {Kind::kRegex, Name(), regex}; }

Rule RuleOf(Action action, const HostPattern& host) {
  Rule rule;
  rule.action = action;
  rule.host = host;
  return rule;
}

TEST(PatternIndex, SaysAllNumbersThatMatchInOrderAndOnce) {
  PatternIndex index;
  index.Add(Regex(".*"), 9);
  index.Add(Named(Kind::kBelow, "example.com"), 7);
  index.Add(Named(Kind::kName, "www.example.com"), 3);
  index.Add(Named(Kind::kName, "www.example.com"), 3);  // the same twice
  index.Add(Named(Kind::kZone, "com"), 5);
  index.Add(Named(Kind::kZone, "org"), 1);
  index.Add(Regex("www\\..*"), 2);
  index.Finish();
  EXPECT_EQ(index.Matching(N("www.example.com")), (Numbers{2, 3, 5, 7, 9}));
  EXPECT_EQ(index.Matching(N("example.com")), (Numbers{5, 9}));
  EXPECT_EQ(index.Matching(N("org")), (Numbers{1, 9}));
  EXPECT_EQ(index.Matching(Name()), (Numbers{9}));
}

TEST(PatternIndex, WithoutPatternsNothingMatches) {
  PatternIndex index;
  index.Finish();
  EXPECT_FALSE(index.Matches(N("example.com")));
  EXPECT_FALSE(index.Matches(Name()));
}

TEST(PatternIndex, NumbersOfRulesAreTheirPositions) {
  Rule plain;
  plain.destination = Prefix::Parse("192.0.2.0/24");
  const std::vector<Rule> rules = {plain, RuleOf(Action::kDrop, Named(Kind::kZone, "b.test")),
                                   plain, RuleOf(Action::kAccept, Named(Kind::kName, "a.b.test"))};
  EXPECT_EQ(IndexHosts(rules).Matching(N("a.b.test")), (Numbers{1, 3}));
}

TEST(RegexError, SaysWhyARegexMayNotStand) {
  struct Story {
    std::string regex;
    bool good;
  };
  const std::vector<Story> stories = {
      {"a+\\.test", true},
      {"[a-z]{1,63}\\.test", true},
      {"(", false},
      {"[z-a]", false},
      {"a**", false},
      {"(?=a)b", false},                              // RE2 has no look-ahead
      {"(a)\\1", false},                              // nor back references
      {"(?:(?:[a-z]{1,100}){1,100}){1,100}", false},  // no room for it
  };
  for (const Story& story : stories) {
    EXPECT_EQ(RegexError(story.regex).empty(), story.good) << story.regex;
  }
}

// Any two of these must be held apart by a state machine that remembers the last octets seen: as
// many states as there are subsets.
std::string Greedy(int octets) { return fmt::format("[ab.]*a[ab.]{{{}}}x?\\.ads\\.test", octets); }

std::string LongName(uint32_t seed) {
  std::mt19937 random(seed);
  std::string name;
  for (int label = 0; label < 4; ++label) {
    for (int i = 0; i < 58; ++i) {
      name += random() % 2 == 0 ? 'a' : 'b';
    }
    name += '.';
  }
  return name + "ads.test";
}

// The answer must be the one that each pattern gives alone.
void ExpectTheSameAsAlone(const std::vector<HostPattern>& patterns) {
  const PatternIndex all = IndexPatterns(patterns);
  std::vector<PatternIndex> each;
  each.reserve(patterns.size());
  for (const HostPattern& pattern : patterns) {
    each.push_back(IndexPatterns({&pattern, 1}));
  }
  size_t matched = 0;
  for (uint32_t seed = 0; seed < 8; ++seed) {
    const Name name = N(LongName(seed));
    Numbers expected;
    for (uint32_t number = 0; number < patterns.size(); ++number) {
      if (each[number].Matches(name)) {
        expected.push_back(number);
      }
    }
    ASSERT_EQ(all.Matching(name), expected) << name.Text();
    matched += expected.size();
  }
  EXPECT_GT(matched, 8U);
}

TEST(PatternIndex, RegexesThatExhaustTheMemoryOfTheSetStillMatch) {
  std::vector<HostPattern> patterns = {Regex(".*\\.ads\\.test")};
  for (int i = 0; i < 20; ++i) {
    patterns.push_back(Regex(Greedy(20 + i)));
  }
  ExpectTheSameAsAlone(patterns);
}

// RE2::Set gives up where its memory is spent. A drop rule must not be missed for that.
TEST(PatternIndex, RegexesThatDoNotFitIntoTheSetStillMatch) {
  std::vector<HostPattern> patterns = {Regex(".*\\.ads\\.test")};
  for (int i = 0; i < 50; ++i) {
    patterns.push_back(Regex(Greedy(200 + i)));
    ASSERT_EQ(RegexError(patterns.back().regex), "");
  }
  ExpectTheSameAsAlone(patterns);
}

TEST(PatternIndex, AsManyRegexesAsAClientMayHave) {
  std::vector<HostPattern> patterns;
  for (size_t i = 0; i < PatternIndex::kRegexesMax; ++i) {
    patterns.push_back(Regex(fmt::format("host-{}\\.[a-z]+\\.test", i)));
  }
  const PatternIndex index = IndexPatterns(patterns);
  for (uint32_t i = 0; i < PatternIndex::kRegexesMax; ++i) {
    EXPECT_EQ(index.Matching(N(fmt::format("host-{}.x.test", i))), Numbers{i});
  }
  EXPECT_FALSE(index.Matches(N("host-256.x.test")));
}

// Ten thousand patterns: one lookup a label, and no neighbour is mistaken for another.
TEST(PatternIndex, ManyPatternsAreHeldApart) {
  constexpr uint32_t kPatterns = 10000;
  std::vector<HostPattern> patterns;
  for (uint32_t i = 0; i < kPatterns; ++i) {
    const Kind kind = i % 3 == 0 ? Kind::kName : i % 3 == 1 ? Kind::kZone : Kind::kBelow;
    patterns.push_back(Named(kind, fmt::format("zone-{}.test", i)));
  }
  const PatternIndex index = IndexPatterns(patterns);
  for (uint32_t i = 0; i < kPatterns; ++i) {
    const std::string zone = fmt::format("zone-{}.test", i);
    EXPECT_EQ(index.Matching(N(zone)), i % 3 == 2 ? Numbers{} : Numbers{i});
    EXPECT_EQ(index.Matching(N("www." + zone)), i % 3 == 0 ? Numbers{} : Numbers{i});
    EXPECT_EQ(index.Matching(N("x" + zone)), Numbers{});
  }
}

// What design.md 3 says a pattern is, read label by label: no hash, no index.
bool IsAbout(const HostPattern& pattern, const Name& name) {
  if (pattern.kind == Kind::kRegex) {
    return RE2::FullMatch(name.Text(), pattern.regex);
  }
  Name rest = name;
  size_t below = 0;
  for (; rest != pattern.name; rest = rest.Parent(), ++below) {
    if (rest.IsRoot()) {
      return false;
    }
  }
  return pattern.kind == Kind::kZone || (pattern.kind == Kind::kName) == (below == 0);
}

// Few labels, so that names meet; some are others' ends, or hold what looks like a label.
class RandomNames {
 public:
  explicit RandomNames(uint32_t seed) : random_(seed) {}

  size_t Below(size_t n) { return random_() % n; }

  Name Host() {
    std::string text;
    for (size_t labels = 1 + Below(4); labels > 0; --labels) {
      text += (text.empty() ? "" : ".") + std::vector<std::string>{"a", "b", "ab", "c1"}[Below(4)];
    }
    return N(text);
  }

  // Also with a label that holds what looks like two.
  Name Asked() {
    const std::string odd = Below(3) == 0 ? std::string("\3x\1a", 4) : std::string();
    return *Name::FromWire(odd + std::string(Host().Wire()));
  }

  HostPattern Pattern() {
    const std::vector<std::string> regexes = {"a.*", ".*b", "(a|b)\\.c1", "[a-c]+"};
    return Below(8) == 0 ? Regex(regexes[Below(4)])
                         : HostPattern{static_cast<Kind>(Below(3)), Host(), ""};
  }

 private:
  std::mt19937 random_;
};

TEST(PatternIndex, IsAsIfEveryPatternWereLookedAt) {
  RandomNames names(14);
  size_t matched = 0;
  size_t same = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<HostPattern> patterns(names.Below(60));
    std::generate(patterns.begin(), patterns.end(), [&] { return names.Pattern(); });
    const PatternIndex index = IndexPatterns(patterns);
    for (int i = 0; i < 40; ++i) {
      const Name asked = names.Asked();
      const HostPattern spelled = names.Pattern();
      Numbers about;
      Numbers alike;
      for (uint32_t number = 0; number < patterns.size(); ++number) {
        if (IsAbout(patterns[number], asked)) {
          about.push_back(number);
        }
        if (patterns[number].Text() == spelled.Text()) {
          alike.push_back(number);
        }
      }
      ASSERT_EQ(index.Matching(asked), about) << asked.Text();
      ASSERT_EQ(index.Same(spelled), alike) << spelled.Text();
      matched += about.size();
      same += alike.size();
    }
  }
  EXPECT_GT(matched, 10'000U);
  EXPECT_GT(same, 1'000U);
}

// Names as long as they may be, of as many labels, and a name of very many patterns.
TEST(PatternIndex, HoldsTheLargest) {
  std::string deep = "a";
  while (deep.size() < 253) {
    deep += ".a";
  }
  std::vector<HostPattern> patterns(3000, Named(Kind::kZone, "a.a"));
  patterns.push_back(Named(Kind::kName, deep));
  const PatternIndex index = IndexPatterns(patterns);
  EXPECT_EQ(index.Matching(N(deep)).size(), 3001U);
  EXPECT_EQ(index.Matching(N("b." + deep.substr(2))).size(), 3000U);
  EXPECT_EQ(index.Matching(N("a")).size(), 0U);
}

}  // namespace
}  // namespace dnspin
