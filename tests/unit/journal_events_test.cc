#include "cli/journal_events.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dnspin {
namespace {

// An event in words: kind name address life rule reason, what is empty left out.
std::string Told(const std::string& line) {
  const auto event = ReadJournalLine(line, "work");
  if (!event) {
    return "nothing";
  }
  const std::vector<std::string> kinds = {"pinned",  "refused", "revoked",
                                          "blocked", "error",   "left out"};
  std::string told = kinds[static_cast<size_t>(event->kind)];
  const auto add = [&told](const std::string& word) { told += word.empty() ? "" : "|" + word; };
  add(event->name);
  add(event->address);
  add(event->life_s == 0 ? "" : std::to_string(event->life_s) + "s");
  add(event->rule == 0 ? "" : "rule " + std::to_string(event->rule));
  add(event->reason);
  add(event->lines_left_out == 0 ? "" : std::to_string(event->lines_left_out));
  add(event->at ? absl::FormatTime(absl::RFC3339_full, *event->at, absl::UTCTimeZone()) : "");
  return told;
}

struct Story {
  std::string line;
  std::string told;
};

TEST(JournalEvents, OfStderr) {
  const std::vector<Story> stories = {
      {"<6>pinned work a.test 192.0.2.1 for 300s (rule 2)", "pinned|a.test|192.0.2.1|300s|rule 2"},
      {"pinned work a.test 2001:DB8::0:1 for 1s (rule 1)", "pinned|a.test|2001:db8::1|1s|rule 1"},
      {"2026-11-22T14:03:05+01:00 <6>pinned work a.test 192.0.2.1 for 300s (rule 2)",
       "pinned|a.test|192.0.2.1|300s|rule 2|2026-11-22T13:03:05+00:00"},
      {"<5>refused work b.test: no rule lists it", "refused|b.test|no rule lists it"},
      {"<5>refused work b\\032c.test: a: b", "refused|b\\032c.test|a: b"},
      {"<6>revoked work a.test 192.0.2.1: no rule lists it any more", "revoked|a.test|192.0.2.1"},
      {"<3>blocked work: its rules do not parse: x",
       "blocked|blocked work: its rules do not parse: x"},
      {"<5>37 log lines of work left out", "left out|37"},
      {"<4>work has no pin left for a.test: x", "error|work has no pin left for a.test: x"},
      {"<3>reader 17 of work ended: killed", "error|reader 17 of work ended: killed"},
      {"<3>the reader of work is ended: x", "error|the reader of work is ended: x"},
      {"<3>the kernel did not take the pins of a.test for work",
       "error|the kernel did not take the pins of a.test for work"},
      // What is of others, or not whole, is nothing.
      {"<6>pinned mail a.test 192.0.2.1 for 300s (rule 2)", "nothing"},
      {"<6>pinned work x a.test 192.0.2.1 for 300s (rule 2)", "nothing"},
      {"<6>pinned work a.test 192.0.2.1 for 300s", "nothing"},
      {"<6>pinned work a.test 192.0.2.256 for 300s (rule 2)", "nothing"},
      {"<6>pinned work a.test 192.0.2.1 for -1s (rule 2)", "nothing"},
      {"<6>pinned work a.test 192.0.2.1 for 2592001s (rule 2)", "nothing"},
      {"<5>refused work a b: x", "nothing"},
      {"<5>refused work : x", "nothing"},
      {"<5>37 log lines of mail left out", "nothing"},
      {"<3>reader 17 of mail ended: of work ended: x", "nothing"},
      {"<6>dnspind 0.1.0 serves 2 clients, 0 pins adopted", "nothing"},
      {"9999-12-31T23:59:59Z <5>refused work b.test: x", "refused|b.test|x"},  // no such time
      {"", "nothing"},
  };
  for (const Story& story : stories) {
    EXPECT_EQ(Told(story.line), story.told) << story.line;
  }
}

TEST(JournalEvents, OfTheJournal) {
  const std::string work = R"("DNSPIN_CLIENT":"work",)";
  const std::vector<Story> stories = {
      {R"({"__REALTIME_TIMESTAMP":"1795400000000000",)" + work +
           R"("DNSPIN_EVENT":"pinned","DNSPIN_NAME":"a.test","DNSPIN_ADDRESS":"192.0.2.1",)"
           R"("DNSPIN_TTL":"300","DNSPIN_RULE":"2","MESSAGE":"x"})",
       "pinned|a.test|192.0.2.1|300s|rule 2|2026-11-23T02:13:20+00:00"},
      {"{" + work +
           R"("DNSPIN_EVENT":"refused","DNSPIN_NAME":"<b>.test",)"
           R"("MESSAGE":"refused work <b>.test: no rule lists it"})",
       "refused|<b>.test|no rule lists it"},
      {"{" + work + R"("DNSPIN_EVENT":"refused","DNSPIN_NAME":"a.test","MESSAGE":"x"})",
       "refused|a.test|no reason told"},
      {"{" + work + R"("MESSAGE":"5 log lines of work left out"})", "left out|5"},
      {R"j({"MESSAGE":"<6>pinned work a.test 192.0.2.1 for 300s (rule 2)"})j", "nothing"},
      {R"j({"MESSAGE":"pinned work a.test 192.0.2.1 for 300s (rule 2)"})j",
       "pinned|a.test|192.0.2.1|300s|rule 2"},
      // Fields decide, whatever the message is made to look like.
      {R"({"DNSPIN_CLIENT":"mail","MESSAGE":"refused work b.test: x"})", "nothing"},
      {"{" + work + R"("DNSPIN_EVENT":"pinned","MESSAGE":"refused work b.test: x"})", "nothing"},
      {"{" + work + R"("DNSPIN_EVENT":"reboot","MESSAGE":"refused work b.test: x"})", "nothing"},
      // Of a field that is no text, or is there twice, journalctl makes something else.
      {R"({"DNSPIN_CLIENT":["work","mail"],"DNSPIN_EVENT":"error","MESSAGE":"x"})", "nothing"},
      {"{" + work + R"("DNSPIN_EVENT":"refused","DNSPIN_NAME":[97,98],"MESSAGE":"x"})", "nothing"},
      {"{" + work + R"("DNSPIN_EVENT":"error","MESSAGE":null,"__REALTIME_TIMESTAMP":"-5"})",
       "error"},
      {"{" + work +
           R"("DNSPIN_EVENT":"error","MESSAGE":")"
           "\xff\"}",
       "nothing"},
      {"{" + work, "nothing"},
      {"{\"a\":" + std::string(60000, '['), "nothing"},
      {"[]", "nothing"},
  };
  for (const Story& story : stories) {
    EXPECT_EQ(Told(story.line), story.told) << story.line.substr(0, 200);
  }
}

TEST(JournalEvents, AreBounded) {
  const std::string longest(5000, 'x');
  const auto event = ReadJournalLine("refused work " + longest + ": " + longest, "work");
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->name.size(), kNameTextMax);
  EXPECT_EQ(event->reason.size(), kReasonTextMax);
}

}  // namespace
}  // namespace dnspin
