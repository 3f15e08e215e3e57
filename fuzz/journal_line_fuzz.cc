// Any octets are read as lines of the log. What must hold:
//  - an event has what its kind needs, and is bounded;
//  - told again in the journal's own words it is the same event;
//  - the page that tells of them has its own tags and attributes alone, and no control character.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cli/journal_events.h"
#include "cli/report_page.h"
#include "pinning/address.h"
#include "pinning/check.h"

namespace dnspin {
namespace {

constexpr const char* kClient = "work";
constexpr std::string_view kKinds[] = {"pinned", "refused", "revoked", "blocked", "error", ""};

void CheckBounds(const JournalEvent& event) {
  const bool of_name = event.kind <= EventKind::kRevoked;
  const bool of_address = of_name && event.kind != EventKind::kRefused;
  DNSPIN_CHECK(event.name.empty() != of_name && event.name.size() <= kNameTextMax);
  DNSPIN_CHECK(Address::Parse(event.address).has_value() == of_address);
  DNSPIN_CHECK(event.life_s <= kLifeSecondsMax && event.reason.size() <= kReasonTextMax);
  DNSPIN_CHECK(event.lines_left_out <= kLeftOutMax);
}

std::string Message(const JournalEvent& event) {
  switch (event.kind) {
    case EventKind::kRefused:
      return "refused work " + event.name + ": " + event.reason;
    case EventKind::kLeftOut:
      return std::to_string(event.lines_left_out) + " log lines of work left out";
    default:
      return event.reason;
  }
}

void CheckToldAgain(const JournalEvent& event) {
  nlohmann::json told = {{"MESSAGE", Message(event)},
                         {"DNSPIN_CLIENT", kClient},
                         {"DNSPIN_EVENT", kKinds[static_cast<size_t>(event.kind)]},
                         {"DNSPIN_NAME", event.name},
                         {"DNSPIN_ADDRESS", event.address},
                         {"DNSPIN_TTL", std::to_string(event.life_s)},
                         {"DNSPIN_RULE", std::to_string(event.rule)}};
  if (event.at) {
    told["__REALTIME_TIMESTAMP"] = std::to_string(absl::ToUnixMicros(*event.at));
  }
  const auto is_ascii = [](const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0; });
  };
  if (is_ascii(event.name) && is_ascii(event.reason)) {  // JSON has no other octets
    auto again = ReadJournalLine(told.dump(), kClient);
    DNSPIN_CHECK(again.has_value());
    if (event.at) {
      again->at = event.at;  // the journal knows no nanoseconds
    }
    again->reason = event.reason;  // "no reason told" of a refusal is no word of a line
    DNSPIN_CHECK(*again == event);
  }
}

std::string PageOf(std::vector<JournalEvent> events) {
  const absl::Time end = absl::FromUnixSeconds(1'800'000'000);
  for (JournalEvent& event : events) {
    if (event.at) {  // into the period
      event.at = end - absl::Seconds(absl::ToUnixSeconds(*event.at) % 86400);
    }
  }
  return ReportPage(
      {kClient, "stdin", {end - absl::Hours(24), end}, absl::UTCTimeZone(), end, 0, false},
      std::move(events));
}

const std::set<std::string_view> kTags = {
    "body",  "dd",   "desc",    "details", "div",    "dl",      "dt",  "footer",
    "g",     "h1",   "h2",      "head",    "header", "html",    "li",  "line",
    "p",     "rect", "section", "span",    "style",  "summary", "svg", "table",
    "tbody", "td",   "text",    "th",      "thead",  "title",   "tr",  "ul"};
const std::set<std::string_view> kAttributes = {"aria-hidden", "aria-labelledby",
                                                "class",       "height",
                                                "id",          "preserveAspectRatio",
                                                "role",        "rx",
                                                "style",       "title",
                                                "viewBox",     "width",
                                                "x",           "x1",
                                                "x2",          "y",
                                                "y1",          "y2"};

std::string_view TakeWord(std::string_view& text) {
  const size_t end = std::min(text.find_first_of(" =>/\""), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

// `<tag name="value" ...>`, `<tag .../>` or `</tag>`, all of the page's own words.
void CheckTag(std::string_view tag) {
  if (tag.starts_with('/')) {
    DNSPIN_CHECK(kTags.contains(tag.substr(1)));
    return;
  }
  DNSPIN_CHECK(kTags.contains(TakeWord(tag)));
  while (tag.starts_with(' ')) {
    tag.remove_prefix(1);
    DNSPIN_CHECK(kAttributes.contains(TakeWord(tag)) && tag.starts_with("=\""));
    const size_t end = tag.find('"', 2);
    DNSPIN_CHECK(end != std::string_view::npos);
    tag.remove_prefix(end + 1);
  }
  DNSPIN_CHECK(tag.empty() || tag == "/");
}

void CheckTags(std::string_view page) {
  page.remove_prefix(page.find("<body>"));
  while (!page.empty()) {
    const size_t begin = page.find('<');
    DNSPIN_CHECK(page.substr(0, begin).find_first_of(">\"'") == std::string_view::npos);
    if (begin == std::string_view::npos) {
      return;
    }
    const size_t end = page.find('>', begin);
    DNSPIN_CHECK(end != std::string_view::npos);
    CheckTag(page.substr(begin + 1, end - begin - 1));
    page.remove_prefix(end + 1);
  }
}

}  // namespace
}  // namespace dnspin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace dnspin;
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  std::vector<JournalEvent> events;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (auto event = ReadJournalLine(text.substr(0, end), kClient)) {
      CheckBounds(*event);
      CheckToldAgain(*event);
      events.push_back(*std::move(event));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (events.empty()) {
    return 0;
  }
  const std::string page = PageOf(events);
  DNSPIN_CHECK(
      std::all_of(page.begin(), page.end(), [](char c) { return c >= ' ' || c == '\n' || c < 0; }));
  CheckTags(page);
  return 0;
}
