#include "resolver/cache.h"

#include <gtest/gtest.h>

#include "tests/unit/dns_bytes.h"

namespace dnspin {
namespace {

using bytes::Host;
using std::chrono::seconds;

const BootTime kNow{seconds(1000)};

Inquiry Asking(const std::string& name, uint16_t type = dns::kTxt) { return {Host(name), type}; }

Answer Nothing(const Inquiry& inquiry) {
  Answer answer;
  answer.asked = inquiry.asked;
  answer.type = inquiry.type;
  return answer;
}

Answer AnswerFor(const Inquiry& inquiry, uint32_t ttl, size_t octets = 4) {
  Answer answer = Nothing(inquiry);
  answer.answer.push_back({.owner = inquiry.asked,
                           .type = inquiry.type,
                           .ttl = ttl,
                           .rdata = std::string(octets, 'x')});
  return answer;
}

TEST(CacheTest, KeepsAnAnswerForItsTtl) {
  AnswerCache cache;
  const Inquiry inquiry = Asking("a.test");
  cache.Insert(inquiry, AnswerFor(inquiry, 60), kNow);
  EXPECT_EQ(cache.Find(Asking("b.test"), kNow), nullptr);
  EXPECT_EQ(cache.Find(Asking("a.test", dns::kAaaa), kNow), nullptr);
  EXPECT_EQ(cache.Find({Host("a.test"), dns::kTxt, true, false}, kNow), nullptr);
  ASSERT_NE(cache.Find(inquiry, kNow + seconds(59)), nullptr);
  EXPECT_EQ(cache.Find(inquiry, kNow + seconds(59))->received, kNow);
  EXPECT_EQ(cache.Find(inquiry, kNow + seconds(60)), nullptr);
  EXPECT_EQ(cache.size(), 0U);
  EXPECT_EQ(cache.octets(), 0U);
}

TEST(CacheTest, ANewAnswerTakesThePlaceOfTheOld) {
  AnswerCache cache;
  const Inquiry inquiry = Asking("a.test");
  cache.Insert(inquiry, AnswerFor(inquiry, 60), kNow);
  cache.Insert(inquiry, AnswerFor(inquiry, 60, 40), kNow + seconds(1));
  EXPECT_EQ(cache.size(), 1U);
  EXPECT_EQ(cache.Find(inquiry, kNow + seconds(1))->received, kNow + seconds(1));
  cache.Insert(inquiry, AnswerFor(inquiry, 0), kNow + seconds(2));
  EXPECT_EQ(cache.size(), 0U) << "what may not be kept still ends what was";
}

TEST(CacheTest, TheOneNotUsedLongestGoesFirst) {
  AnswerCache cache;
  const auto insert = [&cache](const std::string& name) {
    cache.Insert(Asking(name), AnswerFor(Asking(name), 60), kNow);
  };
  const auto name = [](size_t i) { return "n" + std::to_string(i) + ".test"; };
  size_t count = 0;
  while (cache.size() == count) {
    insert(name(count++));
  }
  ASSERT_GT(count, 1000U);
  EXPECT_EQ(cache.Find(Asking(name(0)), kNow), nullptr) << "its place was needed";
  ASSERT_NE(cache.Find(Asking(name(1)), kNow), nullptr);
  insert("new.test");
  EXPECT_NE(cache.Find(Asking(name(1)), kNow), nullptr) << "it was used";
  EXPECT_EQ(cache.Find(Asking(name(2)), kNow), nullptr);
  EXPECT_NE(cache.Find(Asking("new.test"), kNow), nullptr);
}

TEST(CacheTest, IsBounded) {
  AnswerCache cache;
  for (size_t i = 0; i < 3 * AnswerCache::kEntriesMax; ++i) {
    const Inquiry inquiry = Asking("n" + std::to_string(i) + ".test");
    cache.Insert(inquiry, AnswerFor(inquiry, 60, i % 2000), kNow);
    ASSERT_LE(cache.size(), AnswerCache::kEntriesMax);
    ASSERT_LE(cache.octets(), AnswerCache::kOctetsMax);
  }
  const Inquiry large = Asking("large.test");
  cache.Insert(large, AnswerFor(large, 60, AnswerCache::kEntryOctetsMax), kNow);
  EXPECT_EQ(cache.Find(large, kNow), nullptr);
  cache.Clear();
  EXPECT_EQ(cache.size(), 0U);
  EXPECT_EQ(cache.octets(), 0U);
}

TEST(CacheTest, HowLongAResultLives) {
  const Inquiry inquiry = Asking("a.test");
  Answer refused = AnswerFor(inquiry, 3600);
  refused.rcode = dns::kRefused;
  Answer loop = Nothing(inquiry);
  loop.answer.push_back({.owner = inquiry.asked,
                         .type = dns::kCname,
                         .ttl = 60,
                         .rdata = std::string(inquiry.asked.Wire())});
  EXPECT_EQ(LifeOf(AnswerFor(inquiry, 60)), seconds(60));
  EXPECT_EQ(LifeOf(AnswerFor(inquiry, 0)), std::nullopt);
  EXPECT_EQ(LifeOf(AnswerFor(inquiry, 0x80000001)), std::nullopt);
  EXPECT_EQ(LifeOf(AnswerFor(inquiry, 0x7FFFFFFF)), seconds(86400));
  EXPECT_EQ(LifeOf(UpstreamFailure::kSilence), seconds(1));
  EXPECT_EQ(LifeOf(refused), seconds(1));
  EXPECT_EQ(LifeOf(loop), seconds(1));
  EXPECT_EQ(LifeOf(Nothing(inquiry)), std::nullopt);
}

}  // namespace
}  // namespace dnspin
