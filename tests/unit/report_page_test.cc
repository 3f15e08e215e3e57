#include "cli/report_page.h"

#include <gtest/gtest.h>

#include "cli/html.h"

namespace dnspin {
namespace {

const absl::Time kEnd = absl::FromUnixSeconds(1'795'400'000);

std::string PageOf(const std::vector<JournalEvent>& events, bool cut = false) {
  return ReportPage({"work",
                     "<a file>",
                     {kEnd - absl::Hours(1), kEnd},
                     absl::UTCTimeZone(),
                     kEnd,
                     events.size(),
                     cut},
                    events);
}

JournalEvent Refused(const std::string& name, const std::string& reason) {
  return {EventKind::kRefused, kEnd, name, "", 0, 0, reason, 0};
}

bool Has(const std::string& page, const std::string& text) {
  return page.find(text) != std::string::npos;
}

TEST(ReportPage, TextIsNoMarkup) {
  EXPECT_EQ(EscapedForHtml("<a href='x' b=\"y\">&amp;"),
            "&lt;a href=&#39;x&#39; b=&quot;y&quot;&gt;&amp;amp;");
  EXPECT_EQ(EscapedForHtml("per\xC3\xA7o\n\x7f\\032 \xE2\x80\xAE"),
            "per\\195\\167o\\010\\127\\032 \\226\\128\\174");
  EXPECT_EQ(Markup("<b>{}</b>{}", "<", Markup("<i>")).text(), "<b>&lt;</b><i>");
}

TEST(ReportPage, NamesAndReasonsAreEscapedWhereverTheyStand) {
  const std::string evil = "\"'><script>alert(1)</script>";
  const std::string long_evil = std::string(60, 'x') + evil;  // has a title of its own
  const std::string page =
      PageOf({Refused(evil, evil),
              Refused(long_evil, "x"),
              {EventKind::kPinned, kEnd - absl::Seconds(9), evil, "192.0.2.1", 300, 1, "", 0},
              {EventKind::kError, kEnd, "", "", 0, 0, evil, 0}});
  EXPECT_FALSE(Has(page, "<script"));
  EXPECT_FALSE(Has(page, "'>"));
  EXPECT_TRUE(Has(page, "&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"));
  EXPECT_TRUE(Has(page, "&lt;a file&gt;"));
}

TEST(ReportPage, AllowsNothingButItsOwnStyle) {
  const std::string page = PageOf({});
  EXPECT_TRUE(Has(page, "content=\"default-src 'none'; style-src 'unsafe-inline'; "));
  for (const char* const from_elsewhere : {"http:", "https:", "src=", "href=", "url(", "@import"}) {
    EXPECT_FALSE(Has(page, from_elsewhere)) << from_elsewhere;
  }
  EXPECT_TRUE(Has(page, "prefers-color-scheme: dark"));
}

TEST(ReportPage, SaysWhereNothingIsAndWhatItDoesNotKnow) {
  const std::string empty = PageOf({});
  for (const char* const words :
       {"Nothing in this time.", "No name was pinned or refused.", "Nothing was refused.",
        "Nothing was pinned.", "Nothing went wrong."}) {
    EXPECT_TRUE(Has(empty, words)) << words;
  }
  EXPECT_FALSE(Has(empty, "<ul"));
  JournalEvent without_time = Refused("a.test", "x");
  without_time.at.reset();
  const std::string page =
      PageOf({without_time, {EventKind::kLeftOut, kEnd, "", "", 0, 0, "", 1234}}, true);
  EXPECT_TRUE(Has(page, "left out 1,234 lines"));
  EXPECT_TRUE(Has(page, "more lines than a report reads"));
  EXPECT_TRUE(Has(page, "1 lines bear no time"));
  EXPECT_TRUE(Has(page, "No line bears a time."));
}

TEST(ReportPage, IsBoundedHoweverManyNames) {
  std::vector<JournalEvent> events;
  for (int i = 0; i < 5000; ++i) {
    events.push_back(Refused(std::to_string(i) + std::string(1000, '<'), std::string(500, '&')));
    events.push_back(
        {EventKind::kPinned, kEnd, std::to_string(i) + ".test", "192.0.2.1", 300, 1, "", 0});
  }
  const std::string page = PageOf(events);
  EXPECT_LT(page.size(), size_t{2} << 20);
  EXPECT_TRUE(Has(page, "And 4,900 more names and reasons."));
  EXPECT_TRUE(Has(page, "And 9,975 more names."));
}

}  // namespace
}  // namespace dnspin
