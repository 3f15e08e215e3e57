#include "nft/notices.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace dnspin {
namespace {

class NoticesTest : public testing::Test {
 protected:
  static Desired With(std::vector<std::string> warnings, const std::string& fault = "") {
    Desired desired;
    desired.warnings = std::move(warnings);
    desired.clients = {{"work", {}, {}, {}, fault}, {"mail", {}, {}}};
    return desired;
  }
  // What the journal got, without priorities.
  std::string Said(const Desired& desired, Reading reading) {
    testing::internal::CaptureStderr();
    notices_.Say(desired, reading, BootTime());
    std::string text = testing::internal::GetCapturedStderr();
    for (size_t at = 0; (at = text.find('<', at)) != std::string::npos;) {
      text.erase(at, 3);
    }
    return text;
  }

  Journal journal_{"/nowhere"};
  Notices notices_{journal_};
};

TEST_F(NoticesTest, WhatIsKnownIsNotSaidAgain) {
  EXPECT_EQ(Said(With({"a", "a", "b"}), Reading::kLive), "a\nb\n");
  EXPECT_EQ(Said(With({"b", "c"}), Reading::kLive), "c\n");
  EXPECT_EQ(Said(With({"a", "c"}), Reading::kLive), "a\n") << "it was mended in between";
  EXPECT_EQ(Said(With({"a", "c"}), Reading::kAll), "a\nc\n") << "somebody has asked";
}

TEST_F(NoticesTest, WhoIsBlockedIsSaidWithEachNewFault) {
  const std::string blocked = "blocked work: its rules do not parse: ";
  EXPECT_EQ(Said(With({}, "x"), Reading::kLive), blocked + "x\n");
  EXPECT_EQ(Said(With({}, "x"), Reading::kLive), "");
  EXPECT_EQ(Said(With({}, "y"), Reading::kLive), blocked + "y\n");
  EXPECT_EQ(Said(With({}), Reading::kLive), "");
  EXPECT_EQ(Said(With({}, "y"), Reading::kLive), blocked + "y\n");
  EXPECT_EQ(Said(With({}, "y"), Reading::kAll), blocked + "y\n");
}

}  // namespace
}  // namespace dnspin
