#include "pinning/ledger.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "pinning/pin.h"
#include "pinning/pin_life.h"
#include "tests/unit/ledger_stage.h"

namespace dnspin {
namespace {

TEST_F(LedgerTest, PlansWhatTheKernelIsToHold) {
  const auto changes = Pin("api.github.com", kGithub, Addresses(1, 2), seconds(330));
  ASSERT_TRUE(changes.has_value());
  ASSERT_EQ(changes->size(), 2U);
  EXPECT_EQ((*changes)[0].key, (PinKey{1, A(1)}));
  EXPECT_EQ((*changes)[0].until, now_ + seconds(330));
  EXPECT_EQ((*changes)[0].comment, ".github.com < api.github.com");
  EXPECT_FALSE((*changes)[0].replace);
  EXPECT_EQ(ledger_.CountOf(N("api.github.com")), 2U);
  EXPECT_EQ(ledger_.CountOf(N("github.com")), 0U);
}

TEST_F(LedgerTest, APlanAloneChangesNoPin) {
  ASSERT_TRUE(ledger_.Plan(N("api.github.com"), kGithub, Addresses(1, 2), seconds(60), now_));
  EXPECT_TRUE(ledger_.pins().empty());
  EXPECT_EQ(ledger_.CountOf(N("api.github.com")), 0U);
}

TEST_F(LedgerTest, EveryPlaceGetsEveryAddressOnce) {
  // An answer may say an address twice, and a liar may say it 24 times.
  const std::vector<Address> repeated = {A(1), A(2), A(1), A(1)};
  const auto changes =
      Pin("a.test", {{1, ".test"}, {2, "*.test"}, {1, "a.test"}}, repeated, seconds(60));
  ASSERT_TRUE(changes.has_value());
  std::set<PinKey> keys;
  for (const PinChange& change : *changes) {
    keys.insert(change.key);
  }
  EXPECT_EQ(keys.size(), 4U);
  EXPECT_EQ(changes->size(), 4U);

  const std::vector<Address> same(24, A(9));  // it counts once against the quotas too
  EXPECT_TRUE(Pin("b.test", {{1, ".test"}}, same, seconds(60)).has_value());
}

// peers.md 4, row 2: a TTL of 300 and then one of 5 for the same address.
TEST_F(LedgerTest, ALifeNeverShrinks) {
  Pin("long.github.com", kGithub, {A(1)}, seconds(330));
  const auto changes = Pin("short.github.com", kGithub, {A(1)}, seconds(35));
  ASSERT_TRUE(changes.has_value());
  EXPECT_EQ(changes->front().until, now_ + seconds(330));
  EXPECT_EQ(changes->front().comment, ".github.com < long.github.com");
  EXPECT_FALSE(changes->front().replace);
  EXPECT_EQ(Left(1, 1), seconds(330));

  now_ += seconds(300);  // now the shorter one is the longer
  const auto later = Pin("short.github.com", kGithub, {A(1)}, seconds(35));
  EXPECT_EQ(later->front().until, now_ + seconds(35));
  EXPECT_EQ(later->front().comment, ".github.com < short.github.com");
  EXPECT_TRUE(later->front().replace);

  const auto same = Pin("short.github.com", kGithub, {A(1)}, seconds(60));
  EXPECT_FALSE(same->front().replace);  // it only lives longer
  EXPECT_EQ(Left(1, 1), seconds(60));
}

// Trap 5, with the terms that hold unless somebody sets others: who asks again when the TTL is
// over, who keeps an address for two minutes (.NET), and who comes back after an idle of 400
// seconds.
TEST_F(LedgerTest, ThreeClientsAndWhatTheyWereTold) {
  const PinTerms terms;
  const seconds life = PinLife(Told(60, terms), terms);
  for (int asks = 0; asks < 20; ++asks) {
    ASSERT_TRUE(Pin("obeys.test", kGithub, {A(1)}, life));
    now_ += Told(60, terms);
    ledger_.Expire(now_);
    EXPECT_GT(Left(1, 1), seconds(0)) << "asked again, after the TTL it was told";
  }
  ASSERT_TRUE(Pin("keeps.test", kGithub, Addresses(2, 2), life));
  now_ += seconds(120);
  ledger_.Expire(now_);
  EXPECT_GT(Left(1, 2), seconds(0));
  now_ += seconds(280);
  ledger_.Expire(now_);
  EXPECT_EQ(Left(1, 3), seconds(0)) << "a new connection has to ask";
  EXPECT_TRUE(ledger_.Holds({1, A(3)})) << "the old one goes on";
}

TEST_F(LedgerTest, OfTwoThatLiveAsLongTheFirstNamesThePin) {
  Pin("a.github.com", kGithub, {A(1)}, seconds(300));
  const auto second = Pin("b.github.com", kGithub, {A(1)}, seconds(300));
  EXPECT_EQ(second->front().comment, ".github.com < a.github.com");
  EXPECT_FALSE(second->front().replace);
  EXPECT_EQ(ledger_.pins().at({1, A(1)}).holders.front().asked, N("a.github.com"));
}

// peers.md 4, row 17: two names share an address.
TEST_F(LedgerTest, APinGoesWithItsLastHolder) {
  Pin("a.github.com", kGithub, {A(1)}, seconds(100));
  Pin("b.gitlab.com", kGitlab, {A(1)}, seconds(50));
  EXPECT_EQ(HoldersOf(1, 1), 2U);
  now_ += seconds(60);
  ledger_.Expire(now_);
  EXPECT_EQ(HoldersOf(1, 1), 1U);
  EXPECT_EQ(ledger_.CountOf(N("b.gitlab.com")), 0U);
  EXPECT_EQ(ledger_.CountOf(N("a.github.com")), 1U);
  now_ += seconds(40);
  ledger_.Expire(now_);
  EXPECT_TRUE(ledger_.pins().empty());
  EXPECT_EQ(ledger_.CountOf(N("a.github.com")), 0U);
}

TEST_F(LedgerTest, AGroupsPinsAreItsOwn) {
  Pin("a.github.com", {{1, ".github.com"}, {2, ".github.com"}}, {A(1)}, seconds(100));
  ledger_.Erase({1, A(1)});
  EXPECT_EQ(Left(1, 1), seconds(0));
  EXPECT_EQ(Left(2, 1), seconds(100));
  EXPECT_EQ(ledger_.CountOf(N("a.github.com")), 1U);
  ledger_.Erase({1, A(1)});  // once more: nothing happens
  ledger_.Erase({2, A(1)});
  EXPECT_EQ(ledger_.CountOf(N("a.github.com")), 0U);
}

// peers.md 4, row 6: reaching a quota refuses the new, and never costs what was told and lives.
TEST_F(LedgerTest, QuotasRefuseTheNewAndKeepTheOld) {
  struct Story {
    std::string what;
    std::string asked;
    uint32_t first, count;
    bool fits;
  };
  const std::vector<Story> stories = {
      {"as many as a name may have", "a.test", 0, 8, true},
      {"one more of that name", "a.test", 8, 1, false},
      {"the same once more is no more", "a.test", 0, 8, true},
      {"old and new in one answer", "a.test", 7, 2, false},
      {"another name", "b.test", 100, 8, true},
      {"addresses of a neighbour cost this name's quota", "c.test", 0, 8, true},
      {"but not the client's", "c.test", 8, 1, false},
      {"up to what a client may have", "d.test", 200, 4, true},
      {"one more", "e.test", 300, 1, false},
      {"what is pinned already costs nothing", "e.test", 100, 8, true},
  };
  for (const Story& story : stories) {
    SCOPED_TRACE(story.what);
    EXPECT_EQ(Pin(story.asked, {{1, ".test"}}, Addresses(story.first, story.count), seconds(100))
                  .has_value(),
              story.fits);
  }
  EXPECT_EQ(ledger_.pins().size(), 20U);
  for (uint32_t i = 0; i < 8; ++i) {
    EXPECT_EQ(Left(1, i), seconds(100));
  }
  now_ += seconds(100);  // all have ended, nobody said so
  EXPECT_TRUE(Pin("e.test", {{1, ".test"}}, Addresses(400, 8), seconds(100)).has_value());
  EXPECT_EQ(ledger_.pins().size(), 8U);
}

TEST_F(LedgerTest, ANamesQuotaIsFreeAgainThoughItsNeighbourHoldsThePins) {
  Pin("a.test", {{1, ".test"}}, Addresses(0, 8), seconds(50));
  Pin("b.test", {{1, ".test"}}, Addresses(0, 8), seconds(500));
  now_ += seconds(60);
  EXPECT_TRUE(Pin("a.test", {{1, ".test"}}, Addresses(100, 8), seconds(50)).has_value());
}

// A turn plans many requests before it records one.
TEST_F(LedgerTest, PlansOfOneTurnCountTogether) {
  size_t planned = 0;
  for (uint32_t i = 0; i < 10; ++i) {
    const std::string asked = fmt::format("{}.test", i);
    planned += ledger_.Plan(N(asked), kGithub, Addresses(10 * i, 4), seconds(60), now_) ? 1 : 0;
  }
  EXPECT_EQ(planned, 5U);
  ledger_.EndOfTurn();  // all of them failed
  EXPECT_TRUE(Pin("a.test", kGithub, Addresses(500, 8), seconds(60)).has_value());

  ledger_.EndOfTurn();
  planned = 0;
  for (uint32_t i = 0; i < 10; ++i) {  // one name, different addresses
    planned += ledger_.Plan(N("b.test"), kGithub, {{A(600 + i)}}, seconds(60), now_) ? 1 : 0;
  }
  EXPECT_EQ(planned, 8U);
}

TEST_F(LedgerTest, TheSameRequestManyTimesInOneTurnCountsOnce) {
  for (int i = 0; i < 64; ++i) {
    EXPECT_TRUE(ledger_.Plan(N("a.test"), kGithub, Addresses(0, 8), seconds(60), now_).has_value());
  }
}

TEST_F(LedgerTest, ARenewalOfWhatHasEndedCounts) {
  Pin("a.test", kGithub, Addresses(0, 8), seconds(10));
  now_ += seconds(20);
  auto renewal = ledger_.Plan(N("a.test"), kGithub, Addresses(0, 8), seconds(60), now_);
  ASSERT_TRUE(renewal.has_value());
  EXPECT_FALSE(ledger_.Plan(N("a.test"), kGithub, Addresses(50, 1), seconds(60), now_));
  Record(*renewal);
  ledger_.EndOfTurn();
  EXPECT_EQ(ledger_.CountOf(N("a.test")), 8U);
}

TEST_F(LedgerTest, SaysWhatIsNew) {
  const auto is_new = [&](const std::string& asked, seconds life) {
    const auto changes = ledger_.Plan(N(asked), kGithub, {{A(1)}}, life, now_);
    ledger_.EndOfTurn();
    return changes && ledger_.Record(changes->front(), now_);
  };
  EXPECT_TRUE(is_new("a.github.com", seconds(10)));
  EXPECT_FALSE(is_new("a.github.com", seconds(20))) << "it only lives longer";
  EXPECT_FALSE(is_new("b.github.com", seconds(5))) << "another name, the same element";
  now_ += seconds(20);
  EXPECT_TRUE(is_new("b.github.com", seconds(10))) << "ended, though nobody has looked";
}

TEST_F(LedgerTest, AnAddressThatIsToldTwiceIsOnePin) {
  const auto changes = Pin("a.test", {{1, ".test"}, {2, ".test"}}, {A(1), A(2), A(1)}, seconds(9));
  ASSERT_TRUE(changes.has_value());
  EXPECT_EQ(changes->size(), 4U);
  EXPECT_EQ(ledger_.CountOf(N("a.test")), 4U);
}

TEST_F(LedgerTest, OfHoldersThatLiveAsLongTheFirstStaysTheFirst) {
  for (const char* asked : {"a.github.com", "b.github.com", "c.github.com"}) {
    Pin(asked, kGithub, {A(1)}, seconds(30));
  }
  Pin("c.github.com", kGithub, {A(1)}, seconds(40));
  Pin("a.github.com", kGithub, {A(1)}, seconds(40));
  std::vector<std::string> order;
  for (const PinHolder& holder : ledger_.pins().at({1, A(1)}).holders) {
    order.push_back(holder.asked.Text());
  }
  EXPECT_EQ(order, (std::vector<std::string>{"c.github.com", "a.github.com", "b.github.com"}));
}

TEST_F(LedgerTest, WhatLivesLongEnoughIsNotChanged) {
  const auto changed = [&](const Places& places, uint32_t count, seconds enough) {
    const auto changes =
        ledger_.Plan(N("a.test"), places, Addresses(0, count), seconds(60), now_, false, enough);
    ledger_.EndOfTurn();
    return changes ? changes->size() : 999;
  };
  Pin("a.test", kGithub, Addresses(0, 4), seconds(60));
  now_ += seconds(20);
  EXPECT_EQ(changed(kGithub, 4, seconds(40)), 0U);
  EXPECT_EQ(changed(kGithub, 4, seconds(41)), 4U);
  EXPECT_EQ(changed(kGithub, 6, seconds(40)), 2U);  // those that are new
  EXPECT_EQ(changed(kGitlab, 4, seconds(40)), 4U);  // another rule's: it must hold them too
  Pin("b.test", kGithub, Addresses(0, 4), seconds(600));
  EXPECT_EQ(changed(kGithub, 4, seconds(41)), 4U);  // for another name they live longer
  now_ += seconds(40);
  EXPECT_EQ(changed(kGithub, 4, seconds(1)), 4U);
}

// A wildcard's names are the client's to invent; all of them may share one address.
TEST_F(LedgerTest, NamesWithoutEndDoNotGrowIt) {
  for (uint32_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(
        Pin(fmt::format("x{}.github.com", i), kGithub, {A(1)}, seconds(60 + i)).has_value());
  }
  EXPECT_EQ(ledger_.pins().size(), 1U);
  EXPECT_EQ(HoldersOf(1, 1), Ledger::kHoldersMax);
  size_t names = 0;
  for (uint32_t i = 0; i < 1000; ++i) {
    names += ledger_.CountOf(N(fmt::format("x{}.github.com", i)));
  }
  EXPECT_EQ(names, Ledger::kHoldersMax);
  EXPECT_EQ(Left(1, 1), seconds(1059));
}

TEST_F(LedgerTest, ManyNamesOfOneRuleDoNotPushOutTheOtherRule) {
  Pin("b.gitlab.com", kGitlab, {A(1)}, seconds(10));
  for (uint32_t i = 0; i < 100; ++i) {
    Pin(fmt::format("x{}.github.com", i), kGithub, {A(1)}, seconds(60));
  }
  const auto& holders = ledger_.pins().at({1, A(1)}).holders;
  EXPECT_EQ(holders.size(), Ledger::kHoldersMax);
  EXPECT_TRUE(std::any_of(holders.begin(), holders.end(), [](const PinHolder& holder) {
    return holder.rule_host == ".gitlab.com";
  }));
}

TEST_F(LedgerTest, WhatTheKernelHoldsIsAdoptedBeyondAllQuotas) {
  for (uint32_t i = 0; i < 50; ++i) {
    ledger_.Adopt({1, A(i)}, {".github.com", N("api.github.com"), now_ + seconds(100)});
  }
  EXPECT_EQ(ledger_.pins().size(), 50U);
  EXPECT_FALSE(Pin("a.test", kGithub, {A(100)}, seconds(60)).has_value());
  EXPECT_TRUE(Pin("a.test", kGithub, {A(1)}, seconds(60)).has_value());
  EXPECT_EQ(Left(1, 1), seconds(100));
}

TEST_F(LedgerTest, NewTermsHoldForTheNext) {
  Pin("a.test", kGithub, Addresses(0, 8), seconds(60));
  terms_.per_name = 4;
  ledger_.SetTerms(terms_);
  EXPECT_EQ(ledger_.CountOf(N("a.test")), 8U);
  EXPECT_TRUE(Pin("a.test", kGithub, Addresses(0, 8), seconds(60)).has_value());
  EXPECT_FALSE(Pin("a.test", kGithub, {A(8)}, seconds(60)).has_value());
  EXPECT_FALSE(Pin("b.test", kGithub, Addresses(0, 5), seconds(60)).has_value());
  EXPECT_TRUE(Pin("b.test", kGithub, Addresses(0, 4), seconds(60)).has_value());
}

TEST_F(LedgerTest, TheLongestLifeThereIsDoesNotOverflow) {
  const auto changes = Pin("a.test", kGithub, {A(1)}, seconds(UINT32_MAX) + seconds(86400));
  ASSERT_TRUE(changes.has_value());
  EXPECT_GT(changes->front().until, now_);
}

// Any history: the quotas hold, no life shrinks, and a name's count is what its pins say.
TEST_F(LedgerTest, BooksThatBalance) {
  std::mt19937 random(7);
  const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  std::map<PinKey, BootTime> promised;  // what was recorded, as the kernel would hold it
  for (int step = 0; step < 5000; ++step) {
    const std::string asked = fmt::format("n{}.test", below(30));
    const Places places = {{1 + below(2), fmt::format("r{}", below(3))}};
    auto changes = ledger_.Plan(N(asked), places, Addresses(below(25), 1 + below(6)),
                                seconds(1 + below(100)), now_);
    if (changes && below(5) != 0) {  // else the kernel said no
      for (const PinChange& change : *changes) {
        BootTime& until = promised[change.key];
        ASSERT_TRUE(until <= now_ || change.until >= until);
        until = change.until;
      }
      Record(*changes);
    }
    ledger_.EndOfTurn();
    if (below(50) == 0) {
      const PinKey key{1 + below(2), A(below(25))};
      ledger_.Erase(key);
      promised.erase(key);
    }
    now_ += seconds(below(8));
    ASSERT_LE(ledger_.pins().size(), terms_.per_client);
    std::map<std::string, std::set<PinKey>> of_name;
    for (const auto& [key, pin] : ledger_.pins()) {
      ASSERT_FALSE(pin.holders.empty());
      ASSERT_TRUE(std::is_sorted(pin.holders.begin(), pin.holders.end(),
                                 [](const auto& a, const auto& b) { return a.until > b.until; }));
      for (const PinHolder& holder : pin.holders) {
        of_name[holder.asked.Text()].insert(key);
      }
    }
    for (uint32_t i = 0; i < 30; ++i) {
      const std::string name = fmt::format("n{}.test", i);
      ASSERT_EQ(ledger_.CountOf(N(name)), of_name[name].size());
      ASSERT_LE(of_name[name].size(), terms_.per_name);
    }
    for (const auto& [key, until] : promised) {
      const auto pin = ledger_.pins().find(key);
      ASSERT_TRUE(until <= now_ || (pin != ledger_.pins().end() && pin->second.until() == until));
    }
  }
}

}  // namespace
}  // namespace dnspin
