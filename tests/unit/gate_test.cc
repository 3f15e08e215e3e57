#include "pinning/gate.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace dnspin {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Place = std::pair<SharedText, Address>;

constexpr ClientId kWork{1}, kPersonal{2}, kVault{3};
constexpr char kSet[] = "pin-10-137-0-25-1";
constexpr size_t kNever = SIZE_MAX;

Address A(uint32_t number) {
  const std::vector<uint8_t> bytes = {198, 51, static_cast<uint8_t>(number >> 8),
                                      static_cast<uint8_t>(number)};
  return *Address::FromBytes(bytes);
}

PinElement Element(uint32_t number, seconds life = seconds(330), const std::string& comment = "h",
                   const std::string& set = kSet) {
  return {set, A(number), life, comment, false};
}

std::vector<PinElement> Elements(uint32_t first, uint32_t count) {
  std::vector<PinElement> elements;
  elements.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    elements.push_back(Element(first + i));
  }
  return elements;
}

// The kernel's sets as they behave: all of a batch or nothing; a life is set, not kept longer; a
// comment stays unless the element is replaced.
class FakeKernel final : public Pinner {
 public:
  struct Held {
    milliseconds life{0};
    SharedText comment;
  };

  CommitResult Commit(std::span<const PinElement> elements) override {
    sizes.push_back(elements.size());
    EXPECT_FALSE(elements.empty());
    EXPECT_LE(elements.size(), kElementsPerCommit);
    std::set<Place> places;
    CommitResult result;
    for (size_t i = 0; i < elements.size(); ++i) {
      EXPECT_TRUE(places.emplace(elements[i].set, elements[i].address).second)
          << "twice in a batch";
      if (refuses && refuses(elements[i])) {
        result.status = absl::ResourceExhaustedError("set full");
        if (names) {
          result.refused.push_back(i);
        }
      }
    }
    if (sizes.size() - 1 == fails_at) {
      result.status = absl::UnavailableError("busy");
    }
    if (sizes.size() - 1 == silent_at) {
      result = {absl::DeadlineExceededError("no answer"), {}};
    }
    if (result.status.ok()) {
      Apply(elements);
    }
    return result;
  }

  bool Holds(const PinElement& element) const {
    const auto found = held.find({element.set, element.address});
    return found != held.end() && found->second.life >= element.life;
  }

  std::vector<size_t> sizes;  // of the commits
  std::map<Place, Held> held;
  std::function<bool(const PinElement&)> refuses;
  bool names = true;
  size_t fails_at = kNever;
  size_t silent_at = kNever;

 private:
  void Apply(std::span<const PinElement> elements) {
    for (const PinElement& element : elements) {
      const auto [place, added] = held.try_emplace({element.set, element.address});
      place->second.life = element.life;
      if (added || element.replace) {
        place->second.comment = element.comment;
      }
    }
  }
};

std::vector<bool> Pinned(const std::vector<Decision>& decisions) {
  std::vector<bool> pinned;
  pinned.reserve(decisions.size());
  for (const Decision& decision : decisions) {
    pinned.push_back(decision.pinned);
  }
  return pinned;
}

std::function<bool(const PinElement&)> Refuse(uint32_t number) {
  return [address = A(number)](const PinElement& element) { return element.address == address; };
}

class GateTest : public testing::Test {
 protected:
  FakeKernel kernel_;
  Gate gate_{kernel_};
};

TEST_F(GateTest, WithoutElementsThereIsNothingToConfirm) {
  EXPECT_TRUE(gate_.Empty());
  EXPECT_TRUE(gate_.Settle().empty());
  gate_.Hold(kWork, 7, {});
  EXPECT_FALSE(gate_.Empty());
  EXPECT_EQ(Pinned(gate_.Settle()), std::vector<bool>{true});
  EXPECT_TRUE(kernel_.sizes.empty());
  EXPECT_TRUE(gate_.Empty());
  EXPECT_TRUE(gate_.Settle().empty());
}

TEST_F(GateTest, DecisionsComeInTheOrderOfHold) {
  const std::vector<std::pair<ClientId, uint64_t>> order = {
      {kVault, 9}, {kWork, 1}, {kVault, 2}, {kPersonal, 1}, {kWork, 0}};
  for (uint32_t i = 0; i < order.size(); ++i) {
    gate_.Hold(order[i].first, order[i].second, {Element(i)});
  }
  const auto decisions = gate_.Settle();
  ASSERT_EQ(decisions.size(), order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    EXPECT_EQ(decisions[i].client, order[i].first);
    EXPECT_EQ(decisions[i].ticket, order[i].second);
    EXPECT_TRUE(decisions[i].pinned);
  }
  EXPECT_EQ(kernel_.sizes, std::vector<size_t>{5});
}

TEST_F(GateTest, BatchesHoldAtMostSixtyFourAndWholeRequests) {
  for (uint32_t i = 0; i < 65; ++i) {
    gate_.Hold(kWork, i, {Element(i)});
  }
  EXPECT_EQ(Pinned(gate_.Settle()), std::vector<bool>(65, true));
  EXPECT_EQ(kernel_.sizes, (std::vector<size_t>{64, 1}));

  kernel_.sizes.clear();
  for (uint32_t i = 0; i < 4; ++i) {
    gate_.Hold(kWork, i, Elements(1000 + 24 * i, 24));
  }
  EXPECT_EQ(Pinned(gate_.Settle()), std::vector<bool>(4, true));
  EXPECT_EQ(kernel_.sizes, (std::vector<size_t>{48, 48}));
}

TEST_F(GateTest, AnAnswerWithMoreThanABatchIsToldAfterItsLast) {
  for (const size_t fails_at : {kNever, size_t{0}, size_t{1}, size_t{2}}) {
    SCOPED_TRACE(fails_at);
    kernel_ = {};
    kernel_.refuses = [&](const PinElement&) { return kernel_.sizes.size() - 1 == fails_at; };
    gate_.Hold(kWork, 1, Elements(0, 150));
    gate_.Hold(kWork, 2, Elements(500, 10));
    EXPECT_EQ(Pinned(gate_.Settle()), (std::vector<bool>{fails_at == kNever, fails_at != 2}));
  }
}

TEST_F(GateTest, TheMiddleOfAFullBatchIsRefusedAndTheOthersAreTold) {
  for (const bool names : {true, false}) {
    SCOPED_TRACE(names ? "the kernel names it" : "the kernel names none");
    kernel_ = {};
    kernel_.names = names;
    kernel_.refuses = Refuse(31);
    for (uint32_t i = 0; i < 64; ++i) {
      gate_.Hold(ClientId{i % 4}, i, {Element(i)});
    }
    std::vector<bool> expected(64, true);
    expected[31] = false;
    EXPECT_EQ(Pinned(gate_.Settle()), expected);
    EXPECT_EQ(kernel_.held.size(), 63U);
    EXPECT_FALSE(kernel_.held.contains({kSet, A(31)}));
    EXPECT_EQ(kernel_.sizes.front(), 64U);
    // Named: once more for each client, without it. Else the sixteen of its client stand alone.
    EXPECT_EQ(kernel_.sizes.size(), names ? 5U : 1U + 4U + 16U);
  }
}

TEST_F(GateTest, ARequestIsAllOrNothing) {
  kernel_.refuses = Refuse(5);
  gate_.Hold(kWork, 1, Elements(0, 10));
  gate_.Hold(kWork, 2, Elements(20, 10));
  EXPECT_EQ(Pinned(gate_.Settle()), (std::vector<bool>{false, true}));
  EXPECT_EQ(kernel_.held.size(), 10U);
  EXPECT_FALSE(kernel_.held.contains({kSet, A(4)}));
}

TEST_F(GateTest, OneClientsFullSetIsItsOwnTrouble) {
  kernel_.names = false;
  kernel_.refuses = [](const PinElement& element) { return element.set == "pin-10-137-0-9-1"; };
  for (uint32_t i = 0; i < 10; ++i) {
    gate_.Hold(kPersonal, i, {Element(i, seconds(330), "h", "pin-10-137-0-9-1")});
    gate_.Hold(kWork, i, {Element(i)});
  }
  const auto decisions = gate_.Settle();
  for (const Decision& decision : decisions) {
    EXPECT_EQ(decision.pinned, decision.client == kWork);
  }
  EXPECT_EQ(kernel_.sizes.size(), 1U + 2U + 10U);
}

TEST_F(GateTest, WhatSeveralNeedIsInTheBatchOnceAndLivesLongest) {
  gate_.Hold(kWork, 1, {Element(1, seconds(60), "short")});
  gate_.Hold(kWork, 2, {Element(1, seconds(300), "long"), Element(2)});
  gate_.Hold(kWork, 3, {Element(1, seconds(300), "as long, but later"), Element(1), Element(1)});
  gate_.Hold(kWork, 4, {Element(1, seconds(330), "elsewhere", "pin-10-137-0-25-2")});
  EXPECT_EQ(Pinned(gate_.Settle()), std::vector<bool>(4, true));
  EXPECT_EQ(kernel_.sizes, std::vector<size_t>{3});
  EXPECT_EQ((kernel_.held[{kSet, A(1)}].life), seconds(330));

  kernel_ = {};
  gate_.Hold(kWork, 1, {Element(1, seconds(60), "short")});
  gate_.Hold(kWork, 2, {Element(1, seconds(300), "long")});
  gate_.Hold(kWork, 3, {Element(1, seconds(300), "as long, but later")});
  gate_.Settle();
  EXPECT_EQ((kernel_.held[{kSet, A(1)}].life), seconds(300));
  EXPECT_EQ((kernel_.held[{kSet, A(1)}].comment), "long");

  kernel_ = {};
  kernel_.refuses = Refuse(1);
  gate_.Hold(kWork, 1, {Element(1)});
  gate_.Hold(kPersonal, 2, {Element(1), Element(2)});
  gate_.Hold(kVault, 3, {Element(3)});
  EXPECT_EQ(Pinned(gate_.Settle()), (std::vector<bool>{false, false, true}));
}

TEST_F(GateTest, ACommentIsReplacedWhereOneOfThemNeedsThat) {
  kernel_.held[{kSet, A(1)}] = {seconds(10), "old"};
  PinElement replacing = Element(1, seconds(60), "new");
  replacing.replace = true;
  gate_.Hold(kWork, 1, {replacing});
  gate_.Hold(kWork, 2, {Element(1, seconds(30), "old")});
  gate_.Settle();
  EXPECT_EQ((kernel_.held[{kSet, A(1)}].life), seconds(60));
  EXPECT_EQ((kernel_.held[{kSet, A(1)}].comment), "new");
}

// Both were planned before either was confirmed, and the second does not fit into the first batch.
TEST_F(GateTest, ALaterBatchOfTheTurnShortensNoLife) {
  gate_.Hold(kWork, 1, {Element(1, seconds(330), "long")});
  gate_.Hold(kWork, 2, Elements(100, 63));
  gate_.Hold(kWork, 3, {Element(2), Element(1, seconds(35), "short")});
  gate_.Hold(kWork, 4, Elements(200, 62));
  gate_.Hold(kWork, 5, {Element(3), Element(1, seconds(400), "longer")});
  EXPECT_EQ(Pinned(gate_.Settle()), std::vector<bool>(5, true));
  EXPECT_EQ(kernel_.sizes.size(), 3U);
  EXPECT_EQ((kernel_.held[{kSet, A(1)}].life), seconds(400));
  EXPECT_EQ((kernel_.held[{kSet, A(1)}].comment), "longer");

  kernel_ = {};
  gate_.Hold(kWork, 1, {Element(1, seconds(330), "long")});
  gate_.Hold(kWork, 2, Elements(100, 63));
  gate_.Hold(kWork, 3, {Element(2), Element(1, seconds(35), "short")});
  gate_.Settle();
  EXPECT_EQ((kernel_.held[{kSet, A(1)}].life), seconds(330));
  EXPECT_EQ((kernel_.held[{kSet, A(1)}].comment), "long");
}

// The retries are what each asked for, not what was merged with a request that failed.
TEST_F(GateTest, AFailedRequestLeavesNothingOfItselfInOthers) {
  kernel_.refuses = Refuse(2);
  gate_.Hold(kWork, 1, {Element(1, seconds(330), "of the failed one"), Element(2)});
  gate_.Hold(kWork, 2, {Element(1, seconds(60), "of the good one")});
  EXPECT_EQ(Pinned(gate_.Settle()), (std::vector<bool>{false, true}));
  EXPECT_EQ((kernel_.held[{kSet, A(1)}].life), seconds(60));
  EXPECT_EQ((kernel_.held[{kSet, A(1)}].comment), "of the good one");
}

TEST_F(GateTest, SilenceEndsTheTurnInsteadOfMultiplying) {
  for (const size_t silent_at : {size_t{0}, size_t{1}, size_t{2}}) {
    SCOPED_TRACE(silent_at);
    kernel_ = {};
    kernel_.silent_at = silent_at;
    for (uint32_t i = 0; i < 5; ++i) {
      gate_.Hold(ClientId{i}, i, Elements(64 * i, 64));
    }
    gate_.Hold(kWork, 5, {});
    std::vector<bool> expected(6, false);
    std::fill_n(expected.begin(), silent_at, true);
    expected[5] = true;
    EXPECT_EQ(Pinned(gate_.Settle()), expected);
    EXPECT_EQ(kernel_.sizes.size(), silent_at + 1);  // nobody is asked again
    gate_.Hold(kWork, 6, {Element(1)});              // but at the next turn
    EXPECT_EQ(Pinned(gate_.Settle()), std::vector<bool>{true});
  }
}

TEST_F(GateTest, SilenceInARetryEndsTheTurnToo) {
  kernel_.refuses = Refuse(0);
  kernel_.silent_at = 1;
  for (uint32_t i = 0; i < 4; ++i) {
    gate_.Hold(ClientId{i}, i, {Element(i)});
  }
  EXPECT_EQ(Pinned(gate_.Settle()), std::vector<bool>(4, false));
  EXPECT_EQ(kernel_.sizes.size(), 2U);
}

TEST_F(GateTest, WhicheverCommitFailsNothingIsToldThatIsNotThere) {
  size_t commits = 1;
  for (size_t fails_at = 0; fails_at <= commits; ++fails_at) {
    SCOPED_TRACE(fails_at);
    kernel_ = {};
    kernel_.fails_at = fails_at;
    kernel_.names = false;
    kernel_.refuses = Refuse(17);
    std::vector<std::vector<PinElement>> requests;
    for (uint32_t i = 0; i < 40; ++i) {
      requests.push_back(Elements(i % 7 * 5, 1 + i % 5));
      gate_.Hold(ClientId{i % 3}, i, requests.back());
    }
    size_t unlucky = 0;
    for (const Decision& decision : gate_.Settle()) {
      const auto& elements = requests[decision.ticket];
      for (const PinElement& element : elements) {
        EXPECT_TRUE(!decision.pinned || kernel_.Holds(element));
      }
      const bool good = std::none_of(elements.begin(), elements.end(), kernel_.refuses);
      unlucky += good && !decision.pinned ? 1 : 0;
    }
    EXPECT_LE(unlucky, 1U);  // whose lone commit it was
    commits = kernel_.sizes.size();
    ASSERT_LT(commits, 100U);
  }
}

// Any requests, any refusals: told is exactly what can be, and the kernel holds what was told.
TEST_F(GateTest, TruthOfDecisions) {
  std::mt19937 random(2024);
  const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  for (int round = 0; round < 100; ++round) {
    kernel_ = {};
    kernel_.names = below(2) == 0;
    const uint32_t range = 20 + below(300);
    std::set<Address> bad;
    for (uint32_t i = below(4); i > 0; --i) {
      bad.insert(A(below(range)));
    }
    kernel_.refuses = [&](const PinElement& element) { return bad.contains(element.address); };
    std::vector<std::vector<PinElement>> requests(below(60));
    for (size_t i = 0; i < requests.size(); ++i) {
      for (uint32_t elements = below(10) == 0 ? below(130) : below(24); elements > 0; --elements) {
        requests[i].push_back(Element(below(range), seconds(1 + below(300)),
                                      fmt::format("{}", below(3)), below(2) == 0 ? kSet : "pin-6"));
      }
      gate_.Hold(ClientId{below(5)}, i, requests[i]);
    }
    for (const Decision& decision : gate_.Settle()) {
      const auto& elements = requests[decision.ticket];
      const bool good = std::none_of(elements.begin(), elements.end(), kernel_.refuses);
      ASSERT_EQ(decision.pinned, good) << round;
      for (const PinElement& element : elements) {
        ASSERT_TRUE(!decision.pinned || kernel_.Holds(element)) << round;
      }
    }
  }
}

}  // namespace
}  // namespace dnspin
