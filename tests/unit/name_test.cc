#include "pinning/name.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace dnspin {
namespace {

using namespace std::string_literals;

std::string Label(size_t octets) { return std::string(octets, 'a'); }

// "\3www\0"s and the like; the root octet is added.
std::string Wire(const std::vector<std::string>& labels) {
  std::string wire;
  for (const std::string& label : labels) {
    wire += static_cast<char>(label.size());
    wire += label;
  }
  return wire + '\0';
}

struct HostStory {
  std::string what;
  std::string text;
  std::optional<std::string> name;  // its Text(); nothing: refused
};

const std::vector<HostStory> kHostStories = {
    {"a plain name", "www.example.com", "www.example.com"},
    {"a final dot says the same", "www.example.com.", "www.example.com"},
    {"upper case says the same", "WwW.ExAmPlE.CoM", "www.example.com"},
    {"an underscore is fine", "_dmarc.example.com", "_dmarc.example.com"},
    {"an A-label is a label", "xn--mnchen-3ya.de", "xn--mnchen-3ya.de"},
    {"one label", "localhost", "localhost"},
    {"digits alone", "1.2.3", "1.2.3"},
    {"a hyphen at the edge: Qubes takes it, so do we", "-x-.example.com", "-x-.example.com"},
    {"a label of 63", Label(63) + ".com", Label(63) + ".com"},
    {"a label of 64", Label(64) + ".com", std::nullopt},
    {"nothing", "", std::nullopt},
    {"the root", ".", std::nullopt},
    {"two final dots", "example.com..", std::nullopt},
    {"an empty label in front", ".example.com", std::nullopt},
    {"an empty label inside", "a..example.com", std::nullopt},
    {"a star is no host", "*.example.com", std::nullopt},
    {"a star alone", "*", std::nullopt},
    {"a blank", "exa mple.com", std::nullopt},
    {"a final newline", "example.com\n", std::nullopt},
    {"a zero octet", "example.com\0.evil.test"s, std::nullopt},
    {"a letter beyond ASCII", "m\xC3\xBCnchen.de", std::nullopt},
    {"an escape is text of ours alone", "a\\046b.com", std::nullopt},
    {"a slash", "example.com/24", std::nullopt},
};

TEST(Name, HostsAreReadAsRulesSpellThem) {
  for (const HostStory& story : kHostStories) {
    SCOPED_TRACE(story.what);
    const auto name = Name::FromHost(story.text);
    ASSERT_EQ(name.has_value(), story.name.has_value());
    if (name) {
      EXPECT_EQ(name->Text(), *story.name);
      EXPECT_TRUE(name->IsHost());
      EXPECT_EQ(Name::FromHost(name->Text()), name);
      EXPECT_EQ(Name::FromWire(name->Wire()), name);
    }
  }
}

TEST(Name, TheLongestHasTwoHundredAndFiftyFiveOctets) {
  const std::string three = Label(63) + "." + Label(63) + "." + Label(63) + ".";
  const auto longest = Name::FromHost(three + Label(61));  // 253 characters
  ASSERT_TRUE(longest.has_value());
  EXPECT_EQ(longest->Wire().size(), Name::kOctetsMax);
  EXPECT_EQ(Name::FromHost(three + Label(61) + "."), longest);
  EXPECT_FALSE(Name::FromHost(three + Label(62)).has_value());

  const std::string wire(longest->Wire());
  EXPECT_TRUE(Name::FromWire(wire).has_value());
  EXPECT_FALSE(Name::FromWire("\1a"s + wire).has_value());
  std::string shortest;
  for (int i = 0; i < 127; ++i) {
    shortest += "\1a"s;
  }
  ASSERT_TRUE(Name::FromWire(shortest + '\0').has_value());
  EXPECT_EQ(Name::FromWire(shortest + '\0')->LabelCount(), 127U);
}

struct WireStory {
  std::string what;
  std::string wire;
  std::optional<std::string> text;
  bool host = true;
};

const std::vector<WireStory> kWireStories = {
    {"a plain name", Wire({"www", "example", "com"}), "www.example.com"},
    {"case is lowered", Wire({"WWW", "eXample"}), "www.example"},
    {"the root", "\0"s, ".", false},
    {"a dot inside a label is no separator", Wire({"x.github", "com"}), "x\\046github.com", false},
    {"a zero octet", Wire({"a\0b"s, "com"}), "a\\000b.com", false},
    {"a backslash", Wire({"a\\b"}), "a\\092b", false},
    {"a quote that could end a comment", Wire({"a\"b"}), "a\\034b", false},
    {"a newline that could end a log line", Wire({"a\nb"}), "a\\010b", false},
    {"a terminal's escape", Wire({"\x1b[2J"}), "\\027\\0912j", false},
    {"an octet beyond ASCII", Wire({"\xE9t\xE9"}), "\\233t\\233", false},
    {"a blank", Wire({"a b"}), "a\\032b", false},
    {"a star", Wire({"*", "com"}), "\\042.com", false},
    {"nothing", "", std::nullopt},
    {"without its root octet", "\3www"s, std::nullopt},
    {"a label longer than the message", "\7www\0"s, std::nullopt},
    {"a compression pointer", "\xC0\x0C"s, std::nullopt},
    {"a pointer behind a label", "\3www\xC0\x0C\0"s, std::nullopt},
    {"the extended label types", "\x41www\0"s, std::nullopt},
    {"a label of 64", "\x40"s + Label(64) + '\0', std::nullopt},
    {"something behind the root", "\3www\0\0"s, std::nullopt},
    {"a second name behind the first", Wire({"a"}) + Wire({"b"}), std::nullopt},
};

TEST(Name, WireFormIsOneUncompressedName) {
  for (const WireStory& story : kWireStories) {
    SCOPED_TRACE(story.what);
    const auto name = Name::FromWire(story.wire);
    ASSERT_EQ(name.has_value(), story.text.has_value());
    if (name) {
      EXPECT_EQ(name->Text(), *story.text);
      EXPECT_EQ(name->IsHost(), story.host);
    }
  }
}

TEST(Name, WireFormCutAnywhereIsNoName) {
  const std::string wire = Wire({"www", "example", "com"});
  for (size_t octets = 0; octets < wire.size(); ++octets) {
    EXPECT_FALSE(Name::FromWire(wire.substr(0, octets)).has_value()) << octets;
  }
}

struct ZoneStory {
  std::string what;
  std::string name;  // wire labels by dots, `/` is a dot inside a label; empty: the root
  std::string zone;
  bool within;
  bool below;
};

Name Labels(const std::string& text) {
  std::vector<std::string> labels;
  std::string label;
  for (const char c : text + ".") {
    if (c != '.') {
      label += c == '/' ? '.' : c;
    } else if (!label.empty()) {
      labels.push_back(std::exchange(label, {}));
    }
  }
  return *Name::FromWire(Wire(labels));
}

const std::vector<ZoneStory> kZoneStories = {
    {"itself", "example.com", "example.com", true, false},
    {"one below", "www.example.com", "example.com", true, true},
    {"three below", "a.b.c.example.com", "example.com", true, true},
    {"above", "com", "example.com", false, false},
    {"a neighbour", "example.org", "example.com", false, false},
    {"a look-alike whose last letters agree", "evilexample.com", "example.com", false, false},
    {"a look-alike with a dot inside a label", "evil/example.com", "example.com", false, false},
    // The octets of the zone's wire form stand at the end, but inside a label.
    {"a length octet inside a label",
     "evil\x07"
     "example.com",
     "example.com", false, false},
    {"everything is within the root", "example.com", "", true, true},
    {"the root is within itself", "", "", true, false},
    {"the root is in no zone", "", "com", false, false},
};

TEST(Name, ZonesAreComparedByWholeLabels) {
  for (const ZoneStory& story : kZoneStories) {
    SCOPED_TRACE(story.what);
    EXPECT_EQ(Labels(story.name).IsWithin(Labels(story.zone)), story.within);
    EXPECT_EQ(Labels(story.name).IsBelow(Labels(story.zone)), story.below);
  }
}

TEST(Name, ParentsEndAtTheRoot) {
  Name name = *Name::FromHost("a.b.c");
  for (const char* expected : {"b.c", "c", ".", "."}) {
    const size_t labels = name.LabelCount();
    name = name.Parent();
    EXPECT_EQ(name.Text(), expected);
    EXPECT_EQ(name.LabelCount(), labels == 0 ? 0 : labels - 1);
  }
  EXPECT_TRUE(name.IsRoot());
  EXPECT_EQ(name, Name());
}

TEST(Escaped, NothingOfItMovesATerminal) {
  EXPECT_EQ(Escaped("plain text, \"quoted\"."), "plain text, \"quoted\".");
  EXPECT_EQ(Escaped("a\nb\tc\x7f\xff\\"), "a\\010b\\009c\\127\\255\\092");
  EXPECT_EQ(Escaped("\0"s), "\\000");
  EXPECT_EQ(Escaped("\x1b]0;title\a"), "\\027]0;title\\007");
  EXPECT_EQ(Escaped("12345", 5), "12345");
  EXPECT_EQ(Escaped("123456", 5), "12345...");
  EXPECT_EQ(Escaped(""), "");
}

}  // namespace
}  // namespace dnspin
