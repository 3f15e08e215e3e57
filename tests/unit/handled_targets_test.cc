#include "nft/handled_targets.h"

#include <gtest/gtest.h>

#include "tests/unit/board.h"

namespace dnspin {
namespace {

const std::string kWork = "10.137.0.25";
const std::string kPersonal = "10.137.0.26";

bool NobodyWaits(const std::string&) { return false; }

class HandledTargetsTest : public testing::Test {
 protected:
  Board board;
  HandledTargets handled{board};
};

TEST_F(HandledTargetsTest, CountsOnWhatIsInForce) {
  handled.Take({{kWork, 1}, {kPersonal, 2}});
  handled.Write();
  EXPECT_TRUE(board.tree.empty());
  handled.InForce(NobodyWaits);
  handled.Write();
  EXPECT_EQ(board.Handled(kWork), 1U);
  EXPECT_EQ(board.Handled(kPersonal), 2U);
  handled.Take({{kWork, 1}});
  handled.InForce(NobodyWaits);
  handled.Write();
  handled.Write();
  EXPECT_EQ(board.Handled(kWork), 2U);
  EXPECT_EQ(board.Handled(kPersonal), 2U);
}

TEST_F(HandledTargetsTest, WhatIsNotTakenNowIsToldLater) {
  board.takes = false;
  handled.Take({{kWork, 1}});
  handled.InForce(NobodyWaits);
  handled.Write();
  handled.Take({{kWork, 1}});
  handled.InForce(NobodyWaits);
  EXPECT_TRUE(board.tree.empty());
  board.takes = true;
  handled.Write();
  EXPECT_EQ(board.Handled(kWork), 2U);
}

TEST_F(HandledTargetsTest, ANewConnectionBeginsAnew) {
  board.takes = false;
  handled.Take({{kWork, 1}, {kPersonal, 1}});
  handled.InForce(NobodyWaits);
  ++board.connections;  // which knows no count of the other's
  board.takes = true;
  handled.Take({{kWork, 1}});
  handled.InForce(NobodyWaits);
  handled.Write();
  EXPECT_EQ(board.Handled(kWork), 1U);
  EXPECT_EQ(board.Handled(kPersonal), 0U);
}

TEST_F(HandledTargetsTest, WhoWaitsIsNotToldOf) {
  handled.Take({{kWork, 1}, {kPersonal, 1}});
  handled.InForce([](const std::string& target) { return target == kWork; });
  handled.Write();
  EXPECT_EQ(board.Handled(kWork), 0U);
  EXPECT_EQ(board.Handled(kPersonal), 1U);
  handled.InForce(NobodyWaits);
  handled.Write();
  EXPECT_EQ(board.Handled(kWork), 1U);
  EXPECT_EQ(board.Handled(kPersonal), 1U);
}

}  // namespace
}  // namespace dnspin
