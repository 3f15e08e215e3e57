// Answers that are no single chain, or too much of one (peers.md 4, row 12).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "pinning/lineage.h"
#include "tests/unit/terse_record.h"

namespace dnspin {
namespace {

using namespace terse;

constexpr char kGood[] = "192.0.2.1", kEvil[] = "203.0.113.66", kGood6[] = "2001:db8::1";

struct WrongStory {
  std::string what;
  std::vector<Record> answer;
  LineageError error;
};

const std::vector<WrongStory> kWrongStories = {
    {"an alias of itself",
     {Cname("www.site.test", "www.site.test"), A("www.site.test", kEvil)},
     LineageError::kLoop},
    {"a circle of two",
     {Cname("www.site.test", "b.net"), Cname("b.net", "www.site.test")},
     LineageError::kLoop},
    {"a circle behind the first",
     {Cname("www.site.test", "b.net"), Cname("b.net", "c.net"), Cname("c.net", "B.NET"),
      A("c.net", kEvil)},
     LineageError::kLoop},
    {"two aliases at the question",
     {Cname("www.site.test", "b.net"), Cname("www.site.test", "c.net"), A("b.net", kEvil)},
     LineageError::kTwoAliases},
    {"two aliases further on",
     {Cname("www.site.test", "b.net"), Cname("b.net", "c.net"), Cname("b.net", "d.net")},
     LineageError::kTwoAliases},
    {"an alias to no name",
     {Of("www.site.test", dns::kCname, "\xC0\x0C"), A("www.site.test", kEvil)},
     LineageError::kBadAlias},
    {"an alias to nothing", {Of("www.site.test", dns::kCname, "")}, LineageError::kBadAlias},
    {"a DNAME that its CNAME contradicts",
     {Dname("site.test", "edge.net"), Cname("www.site.test", "www.evil.net"),
      A("www.evil.net", kEvil)},
     LineageError::kBadAlias},
    {"two DNAMEs that contradict each other",
     {Dname("site.test", "edge.net"), Dname("test", "evil.net"),
      Cname("www.site.test", "www.edge.net"), A("www.edge.net", kGood)},
     LineageError::kBadAlias},
    {"a DNAME to no name",
     {Of("site.test", dns::kDname, "\3abc"), Cname("www.site.test", "b.net")},
     LineageError::kBadAlias},
};

TEST(Lineage, WhatIsNoSingleChainIsAnError) {
  for (const WrongStory& story : kWrongStories) {
    SCOPED_TRACE(story.what);
    for (const uint16_t type : {dns::kA, dns::kHttps}) {
      const auto walked = Walk(AnswerOf(type, story.answer));
      ASSERT_TRUE(std::holds_alternative<LineageError>(walked));
      EXPECT_EQ(std::get<LineageError>(walked), story.error);
    }
  }
}

TEST(Lineage, ADnameThatMakesTheNameTooLongIsWrong) {
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(57, 'a');
  const auto walked = Walk(AnswerOf(
      dns::kA, {Dname("test", longest), Cname("www.site.test", "b.net"), A("b.net", kEvil)}));
  EXPECT_EQ(std::get<LineageError>(walked), LineageError::kBadAlias);
}

Answer Chain(size_t links) {
  std::vector<Record> records = {A(fmt::format("n{}.test", links), kGood)};
  for (size_t link = 0; link < links; ++link) {
    records.push_back(Cname(fmt::format("n{}.test", link), fmt::format("n{}.test", link + 1)));
  }
  Answer answer = AnswerOf(dns::kA, std::move(records));
  answer.asked = N("n0.test");
  return answer;
}

TEST(Lineage, SixteenLinksAndNoMore) {
  for (const size_t links : {size_t{1}, size_t{15}, kLineageLinksMax}) {
    const auto walked = Walk(Chain(links));
    ASSERT_TRUE(std::holds_alternative<Lineage>(walked)) << links;
    EXPECT_EQ(std::get<Lineage>(walked).names.size(), links + 1);
    EXPECT_EQ(std::get<Lineage>(walked).addresses.size(), 1U);
  }
  for (const size_t links : {kLineageLinksMax + 1, size_t{200}}) {
    EXPECT_EQ(std::get<LineageError>(Walk(Chain(links))), LineageError::kTooLong) << links;
  }
}

TEST(Lineage, TwoHundredAndFiftySixRecordsAndNoMore) {
  std::vector<Record> records;
  for (size_t i = 0; i < kAnswerRecordsMax; ++i) {
    records.push_back(A("www.site.test", fmt::format("192.0.2.{}", i)));
  }
  const auto walked = Walk(AnswerOf(dns::kA, records));
  ASSERT_TRUE(std::holds_alternative<Lineage>(walked));
  EXPECT_EQ(std::get<Lineage>(walked).addresses.size(), 256U);  // .0 and .255 among them
  records.push_back(A("foreign.test", kEvil));
  EXPECT_EQ(std::get<LineageError>(Walk(AnswerOf(dns::kA, records))),
            LineageError::kTooManyRecords);
}

// NXDOMAIN, SERVFAIL and all others say that there is nothing, whatever they bring along.
TEST(Lineage, AFailureReachesNoAddress) {
  for (const uint8_t rcode :
       {uint8_t{1}, dns::kServFail, dns::kNxDomain, dns::kRefused, uint8_t{255}}) {
    Answer answer = AnswerOf(dns::kA, {Cname("www.site.test", "b.net", 9), A("b.net", kEvil)});
    answer.rcode = rcode;
    const auto walked = Walk(answer);
    ASSERT_TRUE(std::holds_alternative<Lineage>(walked));
    const auto& lineage = std::get<Lineage>(walked);
    EXPECT_TRUE(lineage.addresses.empty());
    EXPECT_EQ(lineage.records.size(), 1U);  // the chain stays (RFC 8020)
    EXPECT_EQ(lineage.ttl, 9U);
  }
}

// Any heap of records: what is told of an address type is pinned, and each has an owner at the end
// of a chain of links that are in the answer.
TEST(Lineage, WhatIsToldIsPinned) {
  std::mt19937 random(5);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  const std::vector<std::string> names = {"www.site.test", "a.test", "b.a.test", "c.test", "test"};
  const auto name = [&] { return names[below(names.size())]; };
  size_t walks = 0;
  size_t pinned = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<Record> records;
    for (size_t i = below(7); i > 0; --i) {
      switch (below(6)) {
        case 0:
        case 1:
          records.push_back(Cname(name(), name(), static_cast<uint32_t>(below(100))));
          break;
        case 2:
          records.push_back(Dname(name(), name()));
          break;
        case 3:
          records.push_back(Aaaa(name(), kGood6));
          break;
        default:
          records.push_back(A(name(), fmt::format("192.0.2.{}", below(4))));
      }
    }
    const Answer answer = AnswerOf(below(2) == 0 ? dns::kA : dns::kAaaa, records);
    const auto walked = Walk(answer);
    const auto* const lineage = std::get_if<Lineage>(&walked);
    if (lineage == nullptr) {
      continue;
    }
    ++walks;
    ASSERT_EQ(lineage->names.front(), answer.asked);
    for (size_t i = 0; i + 1 < lineage->names.size(); ++i) {
      ASSERT_TRUE(std::any_of(records.begin(), records.end(), [&](const Record& record) {
        return record.type == dns::kCname && record.owner == lineage->names[i] &&
               Name::FromWire(record.rdata) == lineage->names[i + 1];
      }));
    }
    size_t told = 0;
    for (const Record& record : lineage->records) {
      if (record.type == answer.type) {
        ++told;
        ASSERT_EQ(record.owner, lineage->names.back());
      } else {
        ASSERT_TRUE(record.type == dns::kCname || record.type == dns::kDname);
      }
    }
    ASSERT_EQ(told, lineage->addresses.size());
    pinned += told;
  }
  EXPECT_GT(walks, 5000U);
  EXPECT_GT(pinned, 1000U);
}

}  // namespace
}  // namespace dnspin
