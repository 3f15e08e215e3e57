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
  EXPECT_FALSE(cache.Find(Asking("b.test"), kNow));
  EXPECT_FALSE(cache.Find(Asking("a.test", dns::kAaaa), kNow));
  EXPECT_FALSE(cache.Find({Host("a.test"), dns::kTxt, true, false}, kNow));
  ASSERT_TRUE(cache.Find(inquiry, kNow + seconds(59)));
  EXPECT_EQ(cache.Find(inquiry, kNow + seconds(59))->received, kNow);
  EXPECT_FALSE(cache.Find(inquiry, kNow + seconds(60)));
  EXPECT_EQ(cache.size(), 0U);
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

std::string Numbered(size_t number) { return "n" + std::to_string(number) + ".test"; }

TEST(CacheTest, WhatIsUsedStays) {
  AnswerCache cache;
  const auto insert = [&cache](const std::string& name) {
    cache.Insert(Asking(name), AnswerFor(Asking(name), 60), kNow);
  };
  insert("often.test");
  insert("once.test");
  for (size_t i = 0; i < 100000; ++i) {
    insert(Numbered(i));
    ASSERT_TRUE(cache.Find(Asking("often.test"), kNow)) << i;
  }
  EXPECT_FALSE(cache.Find(Asking("once.test"), kNow)) << "its place was needed";
  EXPECT_TRUE(cache.Find(Asking(Numbered(99999)), kNow));
  EXPECT_GT(cache.size(), 20000U) << "an entry takes more than it has to";
}

TEST(CacheTest, IsBounded) {
  AnswerCache cache;
  for (size_t i = 0; i < 30000; ++i) {
    const Inquiry inquiry = Asking(Numbered(i));
    cache.Insert(inquiry, AnswerFor(inquiry, 60, i % 2000), kNow);
    ASSERT_LE(cache.octets(), AnswerCache::kOctetsMax);
  }
  const Inquiry large = Asking("large.test");
  EXPECT_EQ(cache.Insert(large, AnswerFor(large, 60, AnswerCache::kEntryOctetsMax), kNow), kNow);
  EXPECT_FALSE(cache.Find(large, kNow));
  cache.Clear();
  EXPECT_EQ(cache.size(), 0U);
}

TEST(CacheTest, PinsAreOfTheAnswerThatWasThere) {
  AnswerCache cache;
  const Inquiry inquiry = Asking("a.test");
  const auto until = [&] { return cache.Find(inquiry, kNow + seconds(9))->pinned.until; };
  cache.Insert(inquiry, AnswerFor(inquiry, 60), kNow);
  EXPECT_EQ(until(), BootTime{});
  cache.NotePins(inquiry, kNow - seconds(1), {7, kNow + seconds(90)});
  EXPECT_EQ(until(), BootTime{}) << "those of an answer before it";
  cache.NotePins(inquiry, kNow, {7, kNow + seconds(90)});
  cache.NotePins(inquiry, kNow, {7, kNow + seconds(80)});
  EXPECT_EQ(until(), kNow + seconds(90)) << "a pin's life only grows";
  EXPECT_EQ(cache.Find(inquiry, kNow)->pinned.rule, 7U);
  cache.NotePins(inquiry, kNow, {8, kNow + seconds(70)});
  EXPECT_EQ(until(), kNow + seconds(70)) << "of another rule: other pins";
  cache.DoubtPins();
  EXPECT_EQ(until(), BootTime{});
  cache.NotePins(Asking("b.test"), kNow, {7, kNow + seconds(90)});
  EXPECT_FALSE(cache.Find(Asking("b.test"), kNow));
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
