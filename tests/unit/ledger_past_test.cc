// What the ledger leaves room for, and what it remembers of pins that have ended.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pinning/ledger.h"
#include "tests/unit/ledger_stage.h"

namespace dnspin {
namespace {

TEST_F(LedgerTest, WhatNobodyAskedForLeavesAQuarterOfTheQuota) {
  PinTerms terms;
  terms.per_client = 8;
  Ledger ledger(terms);
  const auto plan = [&](uint32_t address, bool unasked) {
    const auto changes =
        ledger.Plan(N("a.github.com"), kGithub, Addresses(address, 1), seconds(60), now_, unasked);
    if (changes) {
      ledger.Record(changes->front(), now_);
    }
    ledger.EndOfTurn();
    return changes.has_value();
  };
  for (uint32_t i = 0; i < 6; ++i) {
    EXPECT_TRUE(plan(i, true)) << i;
  }
  EXPECT_FALSE(plan(6, true));
  EXPECT_TRUE(plan(6, false));
  EXPECT_TRUE(plan(7, false));
  EXPECT_FALSE(plan(8, false));
  EXPECT_TRUE(plan(5, true)) << "what is there may be renewed";
}

TEST_F(LedgerTest, WhatHasEndedIsRememberedForTheSakeOfItsFlows) {
  Pin("a.github.com", kGithub, {A(1)}, seconds(10));
  Pin("b.gitlab.com", kGitlab, {A(1)}, seconds(60));
  EXPECT_TRUE(ledger_.past().empty());
  now_ += seconds(20);
  ledger_.Expire(now_);
  ASSERT_EQ(ledger_.past().size(), 1U);  // of a pin that lives on, by another name
  EXPECT_EQ(ledger_.past().at({1, A(1)}).front().asked, N("a.github.com"));
  now_ += seconds(60);
  ledger_.Expire(now_);
  EXPECT_TRUE(ledger_.pins().empty());
  EXPECT_EQ(ledger_.past().at({1, A(1)}).size(), 2U);
  EXPECT_TRUE(ledger_.Holds({1, A(1)}));
  EXPECT_FALSE(ledger_.Holds({2, A(1)}));

  Pin("c.github.com", kGithub, {A(2)}, seconds(10));
  now_ += seconds(20);
  ledger_.Expire(now_);
  ledger_.KeepPastOf({A(2)});
  EXPECT_FALSE(ledger_.Holds({1, A(1)}));
  EXPECT_TRUE(ledger_.Holds({1, A(2)}));
}

TEST_F(LedgerTest, ThePastIsBounded) {
  for (uint32_t i = 0; i < Ledger::kPastMax + 10; ++i) {
    ledger_.AdoptPast({1, A(i)}, {".github.com", N("a.github.com"), now_});
  }
  for (uint32_t i = 0; i < 3 * Ledger::kHoldersMax; ++i) {
    ledger_.AdoptPast({1, A(Ledger::kPastMax)},
                      {".github.com", N(fmt::format("n{}.github.com", i)), now_});
  }
  EXPECT_EQ(ledger_.past().size(), Ledger::kPastMax);
  EXPECT_FALSE(ledger_.Holds({1, A(9)}));
  EXPECT_TRUE(ledger_.Holds({1, A(10)}));
  EXPECT_EQ(ledger_.past().at({1, A(Ledger::kPastMax)}).size(), Ledger::kHoldersMax);
}

}  // namespace
}  // namespace dnspin
