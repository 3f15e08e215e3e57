#include "cli/tinyproxy_pattern.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dnspin {
namespace {

struct Story {
  std::string line;
  std::vector<std::string> hosts;
  std::string note;
};

const std::string kRegex = "kept as a regular expression";
const std::string kEnds = "names that only end so are left out";
const std::string kBegins = "names that only begin so are left out";
const std::string kContains = "names that only contain it are left out";
const std::string kDots = "its dots are taken for dots";

const std::vector<Story> kStories = {
    {R"(^www\.example\.com$)", {"www.example.com"}, ""},
    {R"(^(.*\.)?example\.com$)", {".example.com"}, ""},
    {R"(^\(.*\.\)\?example\.com$)", {".example.com"}, ""},
    {R"(^([^.]+\.)*example\.com$)", {".example.com"}, ""},
    {R"((^|\.)example\.com$)", {".example.com"}, ""},
    {R"(^.*\.example\.com$)", {"*.example.com"}, ""},
    {R"(^.+\.example\.com$)", {"*.example.com"}, ""},
    {R"(\.example\.com$)", {"*.example.com"}, ""},
    {R"(^(www\.)?example\.com$)", {"example.com", "www.example.com"}, ""},
    {R"(^WWW\.Example\.com$)", {"www.example.com"}, ""},
    {R"(^a\.example\.com$|^b\.example\.com$)", {"a.example.com", "b.example.com"}, ""},
    {R"(example\.com$)", {".example.com"}, kEnds},
    {R"((.*\.)?example\.com$)", {".example.com"}, kEnds},
    {R"(^www\.example\.com)", {"www.example.com"}, kBegins},
    {R"(example\.com)", {".example.com"}, kContains},
    {"^www.example.com$", {"www.example.com"}, kDots},
    {"example.com$", {".example.com"}, kEnds + "; " + kDots},
    {R"(^(a|b)\.example\.com$)", {R"(~(a|b)\.example\.com)"}, kRegex},
    {R"(^cdn[0-9]+\.example\.com$)", {R"(~cdn[0-9]+\.example\.com)"}, kRegex},
    {R"(^([^.]+\.)?example\.com$)", {R"(~([^.]+\.)?example\.com)"}, kRegex},
    {"google", {"~.*google.*"}, kRegex},
    {"^com$", {"~com"}, kRegex},
    {R"([[:alnum:]]+\.example\.com$)", {R"(~.*[[:alnum:]]+\.example\.com)"}, kRegex},
    {".*", {"~.*.*.*"}, kRegex},
    {"", {"~.*.*"}, kRegex},
    {R"(a\)", {R"(~.*a\.*)"}, kRegex},
};

TEST(TinyproxyPatternTest, UsualFormsAreHosts) {
  for (const Story& story : kStories) {
    std::vector<std::string> hosts;
    std::string note;
    for (const TinyproxyPattern& pattern : ReadTinyproxyPatterns(story.line)) {
      hosts.insert(hosts.end(), pattern.hosts.begin(), pattern.hosts.end());
      note = pattern.note;
    }
    EXPECT_EQ(hosts, story.hosts) << story.line;
    EXPECT_EQ(note, story.note) << story.line;
  }
}

}  // namespace
}  // namespace dnspin
