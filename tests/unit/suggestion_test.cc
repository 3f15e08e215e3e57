#include "config/suggestion.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace dnspin {
namespace {

TEST(SuggestionTest, TheNearestWordWithinTwoChanges) {
  constexpr std::array<std::string_view, 5> kKnown{"accept", "drop", "tcp", "dstports", "floor"};
  const struct {
    std::string word;
    const char* nearest;
  } rows[] = {
      {"accept", "accept"},
      {"acept", "accept"},
      {"accpet", "accept"},
      {"ACCEPT", "accept"},
      {"acet", "accept"},
      {"act", ""},
      {"tpc", "tcp"},
      {"tc", "tcp"},
      {"udp", ""},
      {"dstport", "dstports"},
      {"flor", "floor"},
      {"foor", "floor"},
      {"drops", "drop"},
      {"", ""},
      {"x", ""},
      {"dp", ""},
      {std::string(64, 'a'), ""},
      {std::string(100'000, 'a'), ""},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(NearestWord(row.word, kKnown), row.nearest) << row.word.substr(0, 80);
  }
}

TEST(SuggestionTest, TheFirstOfEquals) {
  constexpr std::array<std::string_view, 2> kKnown{"cat", "car"};
  EXPECT_EQ(NearestWord("caz", kKnown), "cat");
}

}  // namespace
}  // namespace dnspin
