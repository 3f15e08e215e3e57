#include "resolver/octet_store.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace dnspin {
namespace {

std::string Found(OctetStore& store, const std::string& key) {
  const auto value = store.Find(key);
  return {value.begin(), value.end()};
}

TEST(OctetStoreTest, KeepsWhatWasPutInLast) {
  OctetStore store(1 << 20);
  EXPECT_EQ(Found(store, "a"), "");
  EXPECT_TRUE(store.Insert("a", "one"));
  EXPECT_TRUE(store.Insert("", "none"));
  EXPECT_TRUE(store.Insert("a", "other"));
  EXPECT_EQ(Found(store, "a"), "other");
  EXPECT_EQ(Found(store, ""), "none");
  store.Find("a")[0] = 'O';
  EXPECT_EQ(Found(store, "a"), "Other");
  EXPECT_FALSE(store.Insert("a", std::string(1 << 20, 'x')));
  EXPECT_EQ(Found(store, "a"), "") << "what is not kept still ends what was";
  EXPECT_FALSE(store.Insert(std::string(OctetStore::kKeyOctetsMax + 1, 'k'), "x"));
  store.Erase("");
  EXPECT_EQ(store.size(), 0U);
}

// Whatever is found is what was put in last, and it is never more than it may be.
TEST(OctetStoreTest, ForgetsButNeverErrs) {
  constexpr size_t kOctetsMax = 8 * OctetStore::kSegmentOctets;
  OctetStore store(kOctetsMax);
  std::map<std::string, std::string> all;
  std::mt19937 dice(1);
  size_t found = 0;
  for (int step = 0; step < 200000; ++step) {
    const std::string key = "key" + std::to_string(dice() % 5000);
    switch (dice() % 8) {
      case 0:
        store.Erase(key);
        all.erase(key);
        break;
      case 1:
      case 2:
      case 3: {
        const size_t octets = dice() % 200 == 0 ? dice() % 20000 : 1 + dice() % 100;
        const std::string value(octets, static_cast<char>('a' + dice() % 26));
        all[key] = value;
        if (!store.Insert(key, value)) {
          ASSERT_GT(octets, kOctetsMax / 8);
          all.erase(key);
        }
        break;
      }
      default:
        if (const std::string value = Found(store, key); !value.empty()) {
          ASSERT_TRUE(all.contains(key)) << key;
          ASSERT_EQ(value, all[key]) << key;
          ++found;
        }
    }
    ASSERT_LE(store.octets(), kOctetsMax);
    ASSERT_LE(store.size(), all.size());
    if (step % 50000 == 49999) {
      size_t visited = 0;
      store.ForEach([&](std::span<char> value) { visited += value.empty() ? 0 : 1; });
      ASSERT_EQ(visited, store.size());
    }
    if (step == 150000) {
      store.Clear();
      all.clear();
    }
  }
  EXPECT_GT(found, 10000U);
}

TEST(OctetStoreTest, WhatIsFoundInTimeStays) {
  OctetStore store(8 * OctetStore::kSegmentOctets);
  store.Insert("often", "x");
  store.Insert("once", "x");
  store.Find("once");
  for (int i = 0; i < 20000; ++i) {
    store.Insert("n" + std::to_string(i), std::string(200, 'y'));
    ASSERT_EQ(Found(store, "often"), "x") << i;
  }
  EXPECT_EQ(Found(store, "once"), "");
  EXPECT_NE(Found(store, "n19999"), "");
}

// When all was found, room is made all the same.
TEST(OctetStoreTest, AllFoundIsNotForGood) {
  OctetStore store(4 * OctetStore::kSegmentOctets);
  for (int i = 0; i < 20000; ++i) {
    const std::string key = "n" + std::to_string(i);
    ASSERT_TRUE(store.Insert(key, std::string(50, 'y')));
    ASSERT_NE(Found(store, key), "");
    ASSERT_LE(store.octets(), 4 * OctetStore::kSegmentOctets);
  }
}

}  // namespace
}  // namespace dnspin
