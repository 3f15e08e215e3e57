// What the names of drop rules resolve to, and where a chain is closed until that is known.
#include "pinning/drop_names.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/terse_rule.h"

namespace dnspin {
namespace {

using Taken = DropNames::Taken;

Name N(const std::string& host) { return *Name::FromHost(host); }
Address A(const std::string& text) { return *Address::Parse(text); }

const std::vector<Address> kBoth = {A("10.137.0.25"), A("fd09::19")};
const std::vector<Address> kIpv4 = {A("10.137.0.25")};
const std::vector<Rule> kRules =
    TerseRules({"accept a.test", "drop x.test", "accept b.test", "drop y.test tcp 80",
                "drop x.test udp", "accept .test"});

DropAddresses Says(const std::string& name, const std::vector<std::string>& addresses,
                   Family family = Family::kIpv4) {
  DropAddresses piece;
  piece.name = N(name);
  piece.family = family;
  for (const std::string& address : addresses) {
    piece.addresses.push_back(A(address));
  }
  return piece;
}

DropNames Following(const std::vector<Rule>& rules) {
  DropNames drops;
  drops.Follow(rules);
  return drops;
}

std::vector<Address> Known(const DropNames& drops, const std::string& name, Family family) {
  const auto* const known = drops.AddressesOf(N(name), family);
  EXPECT_NE(known, nullptr) << name;
  return known != nullptr ? *known : std::vector<Address>();
}

TEST(DropNames, AreTheExactNamesOfDropRulesEachOnce) {
  EXPECT_EQ(DropNamesOf(kRules), (std::vector<Name>{N("x.test"), N("y.test")}));
  EXPECT_TRUE(DropNamesOf(TerseRules({"drop .x.test", "drop ~x.*", "drop *.x.test", "drop",
                                      "drop 10.0.0.0/8", "accept x.test", "drop y.test dns"}))
                  .empty());
}

TEST(DropNames, AChainIsClosedUntilAllAnswersOfTheClientsFamiliesAreDefinite) {
  DropNames drops = Following(kRules);
  EXPECT_EQ(drops.ClosedFrom(kRules, kBoth), 1U);
  EXPECT_EQ(drops.Take(Says("x.test", {"192.0.2.1"})), Taken::kChanged);
  EXPECT_EQ(drops.ClosedFrom(kRules, kBoth), 1U);
  EXPECT_EQ(drops.ClosedFrom(kRules, kIpv4), 3U) << "a client without IPv6 does not wait for it";
  EXPECT_EQ(drops.Take(Says("x.test", {}, Family::kIpv6)), Taken::kChanged) << "none is an answer";
  EXPECT_EQ(drops.ClosedFrom(kRules, kBoth), 3U);
  EXPECT_EQ(drops.Take(Says("y.test", {})), Taken::kChanged);
  EXPECT_EQ(drops.Take(Says("y.test", {"2001:db8::1"}, Family::kIpv6)), Taken::kChanged);
  EXPECT_EQ(drops.ClosedFrom(kRules, kBoth), kRules.size());
}

TEST(DropNames, OnlyAnotherAnswerChangesAnything) {
  DropNames drops = Following(kRules);
  EXPECT_EQ(drops.Take(Says("x.test", {"192.0.2.2", "192.0.2.1"})), Taken::kChanged);
  EXPECT_EQ(drops.Take(Says("x.test", {"192.0.2.1", "192.0.2.2", "192.0.2.1"})), Taken::kUnchanged);
  EXPECT_EQ(drops.Take(Says("x.test", {"192.0.2.3"})), Taken::kChanged);
  EXPECT_EQ(Known(drops, "x.test", Family::kIpv4), std::vector{A("192.0.2.3")});
  EXPECT_EQ(drops.AddressesOf(N("x.test"), Family::kIpv6), nullptr);
}

TEST(DropNames, AnAnswerOfManyPiecesCountsAtItsEnd) {
  DropNames drops = Following(kRules);
  for (int i = 0; i < 256; i += 16) {
    DropAddresses piece = Says("x.test", {});
    for (int j = i; j < i + 16; ++j) {
      piece.addresses.push_back(A(fmt::format("192.0.2.{}", j)));
    }
    piece.first = i == 0;
    piece.last = i == 240;
    EXPECT_EQ(drops.AddressesOf(N("x.test"), Family::kIpv4), nullptr);
    EXPECT_EQ(drops.Take(piece), piece.last ? Taken::kChanged : Taken::kUnchanged);
  }
  EXPECT_EQ(Known(drops, "x.test", Family::kIpv4).size(), 256U);
}

TEST(DropNames, DisorderIsSaid) {
  const auto piece = [](const std::string& name, bool first, bool last, uint32_t generation = 0,
                        Family family = Family::kIpv4) {
    const char* const address = family == Family::kIpv4 ? "192.0.2.1" : "::1";
    DropAddresses said = Says(name, {address}, family);
    said.first = first;
    said.last = last;
    said.generation = generation;
    return said;
  };
  DropNames drops = Following(kRules);
  EXPECT_EQ(drops.Take(piece("z.test", true, true)), Taken::kNoDropName);
  EXPECT_EQ(drops.Take(piece("x.test", false, true)), Taken::kOutOfOrder) << "nothing has begun";
  const std::vector<DropAddresses> strangers = {piece("y.test", false, true),
                                                piece("x.test", false, true, 1),
                                                piece("x.test", false, true, 0, Family::kIpv6)};
  for (const DropAddresses& stranger : strangers) {
    EXPECT_EQ(drops.Take(piece("x.test", true, false)), Taken::kUnchanged);
    EXPECT_EQ(drops.Take(stranger), Taken::kOutOfOrder);
  }
  // One that never ends.
  drops.Take(piece("x.test", true, false));
  size_t pieces = 1;
  while (drops.Take(piece("x.test", false, false)) == Taken::kUnchanged) {
    ASSERT_LE(++pieces, kDropAddressesMax);
  }
  EXPECT_EQ(pieces, kDropAddressesMax);
  EXPECT_EQ(drops.AddressesOf(N("x.test"), Family::kIpv4), nullptr);
}

TEST(DropNames, WhatIsKnownOfNamesThatStayOutlivesAReload) {
  DropNames drops = Following(kRules);
  drops.Take(Says("x.test", {"192.0.2.1"}));
  drops.Take(Says("y.test", {"192.0.2.2"}));
  drops.Follow(TerseRules({"drop z.test", "drop x.test icmp"}));
  EXPECT_EQ(Known(drops, "x.test", Family::kIpv4), std::vector{A("192.0.2.1")});
  EXPECT_EQ(drops.AddressesOf(N("y.test"), Family::kIpv4), nullptr);
  drops.Follow(kRules);
  EXPECT_EQ(drops.ClosedFrom(kRules, kIpv4), 3U) << "what went is not known any more";
}

TEST(DropNames, WhatTheKernelHoldsWasWhole) {
  DropNames drops;
  drops.Adopt(N("x.test"), A("192.0.2.2"), kBoth);
  drops.Adopt(N("x.test"), A("192.0.2.1"), kBoth);
  drops.Adopt(N("gone.test"), A("192.0.2.9"), kBoth);
  drops.Follow(kRules);
  EXPECT_EQ(drops.ClosedFrom(kRules, kBoth), 3U);
  EXPECT_EQ(Known(drops, "x.test", Family::kIpv4), (std::vector{A("192.0.2.1"), A("192.0.2.2")}));
  EXPECT_TRUE(Known(drops, "x.test", Family::kIpv6).empty());
}

TEST(DropNames, OfAFamilyThatTheClientDidNotHaveNothingIsKnown) {
  DropNames drops;
  drops.Adopt(N("x.test"), A("192.0.2.1"), kIpv4);
  drops.Follow(kRules);
  EXPECT_EQ(drops.ClosedFrom(kRules, kIpv4), 3U);
  EXPECT_EQ(drops.ClosedFrom(kRules, kBoth), 1U);
}

TEST(DropNames, AnAnswerOfWhichAPieceWasLeftOutIsNone) {
  for (size_t left_out = 0; left_out < 4; ++left_out) {
    DropNames drops = Following(kRules);
    drops.Take(Says("x.test", {"192.0.2.99"}));
    for (size_t i = 0; i < 4; ++i) {
      DropAddresses piece = Says("x.test", {fmt::format("192.0.2.{}", i)});
      piece.first = i == 0;
      piece.last = i == 3;
      if (i == left_out) {
        drops.LeaveOut();
      } else {
        EXPECT_EQ(drops.Take(piece), Taken::kUnchanged) << left_out << " " << i;
      }
    }
    EXPECT_EQ(Known(drops, "x.test", Family::kIpv4), std::vector{A("192.0.2.99")}) << left_out;
    EXPECT_EQ(drops.Take(Says("x.test", {"192.0.2.1"})), Taken::kChanged) << "the next one is";
    DropAddresses end = Says("x.test", {"192.0.2.1"});
    end.first = false;
    EXPECT_EQ(drops.Take(end), Taken::kOutOfOrder);
  }
}

TEST(DropNames, BeyondTheirNumberRulesStayClosed) {
  std::vector<Rule> rules;
  for (size_t i = 0; i <= kDropNamesMax; ++i) {
    rules.push_back(TerseRule(fmt::format("drop x{}.test", i)));
  }
  DropNames drops = Following(rules);
  for (size_t i = 0; i < kDropNamesMax; ++i) {
    EXPECT_EQ(drops.Take(Says(fmt::format("x{}.test", i), {})), Taken::kChanged);
  }
  EXPECT_EQ(drops.Take(Says(fmt::format("x{}.test", kDropNamesMax), {})), Taken::kNoDropName);
  EXPECT_EQ(drops.ClosedFrom(rules, kIpv4), kDropNamesMax);
}

}  // namespace
}  // namespace dnspin
