#include "pinning/pin_group.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/terse_rule.h"

namespace dnspin {
namespace {

using Rules = std::vector<std::string>;

// "1: tcp 443 #0 = 0 1; 2: ..."
std::string Said(const std::vector<PinGroup>& groups) {
  std::string said;
  for (const PinGroup& group : groups) {
    Rule rule;
    rule.action = group.action;
    rule.service = group.service;
    said += fmt::format("{}{}: {} #{} =", said.empty() ? "" : "; ", group.number, rule.Text(),
                        group.occurrence);
    for (const uint32_t position : group.rules) {
      said += fmt::format(" {}", position);
    }
  }
  return said;
}

struct Story {
  std::string what;
  Rules rules;
  std::string groups;
};

const std::vector<Story> kStories = {
    {"no rule", {}, ""},
    {"no host", {"accept 0.0.0.0/0", "accept dns", "accept icmp", "drop"}, ""},
    {"one", {"accept a.test"}, "1: action=accept #0 = 0"},
    {"neighbours that agree share a set",
     {"accept a.test tcp 443", "accept .b.test tcp 443"},
     "1: action=accept proto=tcp dstports=443-443 #0 = 0 1"},
    {"neighbours that do not",
     {"accept a.test tcp 443", "accept b.test udp 443"},
     "1: action=accept proto=tcp dstports=443-443 #0 = 0; "
     "2: action=accept proto=udp dstports=443-443 #0 = 1"},
    {"those that agree but are no neighbours are two",
     {"accept a.test", "accept b.test icmp", "accept c.test"},
     "1: action=accept #0 = 0; 2: action=accept proto=icmp #0 = 1; 3: action=accept #1 = 2"},
    {"a rule of addresses stands between",
     {"accept a.test", "drop 10.0.0.0/8", "accept b.test"},
     "1: action=accept #0 = 0; 2: action=accept #1 = 2"},
    {"what acts in DNS alone does not",
     {"accept a.test", "drop .ads.test", "accept b.test dns", "drop c.test dns", "accept d.test"},
     "1: action=accept #0 = 0 4"},
    {"a dropped exact name has a set of its own and stands between",
     {"accept a.test", "drop ads.test tcp 80", "accept b.test"},
     "1: action=accept #0 = 0; 2: action=drop proto=tcp dstports=80-80 #0 = 1; "
     "3: action=accept #1 = 2"},
    {"dropped neighbours that agree share one",
     {"drop a.test", "drop .zone.test", "drop b.test", "drop c.test udp", "accept d.test udp"},
     "1: action=drop #0 = 0 2; 2: action=drop proto=udp #0 = 3; 3: action=accept proto=udp #0 = 4"},
    {"a regex is a host", {"accept ~a.*"}, "1: action=accept #0 = 0"},
};

TEST(PinGroup, NeighboursThatAgreeShareASet) {
  for (const Story& story : kStories) {
    EXPECT_EQ(Said(GroupsOf(TerseRules(story.rules), {})), story.groups) << story.what;
  }
}

struct ReloadStory {
  std::string what;
  Rules before, after;
  std::string groups;
};

const std::vector<ReloadStory> kReloadStories = {
    {"nothing changed", {"accept a.test"}, {"accept a.test"}, "1: action=accept #0 = 0"},
    {"a group keeps its number behind a new one",
     {"accept a.test"},
     {"accept b.test icmp", "accept a.test"},
     "2: action=accept proto=icmp #0 = 0; 1: action=accept #0 = 1"},
    {"two change places",
     {"accept a.test", "accept b.test icmp"},
     {"accept b.test icmp", "accept a.test"},
     "2: action=accept proto=icmp #0 = 0; 1: action=accept #0 = 1"},
    {"the set of a group that goes does not become another's in the same breath",
     {"accept a.test tcp 443"},
     {"accept a.test"},
     "2: action=accept #0 = 0"},
    {"a port changes",
     {"accept a.test tcp 443", "accept b.test tcp 22"},
     {"accept a.test tcp 80", "accept b.test tcp 22"},
     "3: action=accept proto=tcp dstports=80-80 #0 = 0; "
     "2: action=accept proto=tcp dstports=22-22 #0 = 1"},
    {"one of two alike goes",
     {"accept a.test", "drop 10.0.0.0/8", "accept b.test"},
     {"drop 10.0.0.0/8", "accept b.test"},
     "1: action=accept #0 = 1"},
};

TEST(PinGroup, NumbersLastAsLongAsTheirGroups) {
  for (const ReloadStory& story : kReloadStories) {
    const auto before = GroupsOf(TerseRules(story.before), {});
    EXPECT_EQ(Said(GroupsOf(TerseRules(story.after), before)), story.groups) << story.what;
  }
}

TEST(PinGroup, NumbersDoNotGrowWithReloads) {
  const auto one = TerseRules({"accept a.test tcp 443"});
  const auto other = TerseRules({"accept a.test udp 443"});
  std::vector<PinGroup> groups;
  for (int i = 0; i < 100; ++i) {
    groups = GroupsOf(i % 2 == 0 ? one : other, groups);
    ASSERT_LE(groups.front().number, 2U);
  }
}

// Any history of reloads: each rule that has a set is in one group, no number means two services at
// once or from one moment to the next.
TEST(PinGroup, ASetNeverChangesItsMeaning) {
  const Rules kinds = {"accept a.test",   "accept b.test tcp 443", "accept .c.test udp 53",
                       "drop 10.0.0.0/8", "drop .ads.test",        "accept d.test icmp",
                       "drop x.test"};
  std::mt19937 random(3);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  std::vector<PinGroup> before;
  for (int round = 0; round < 2000; ++round) {
    Rules lines;
    for (size_t i = below(9); i > 0; --i) {
      lines.push_back(kinds[below(kinds.size())]);
    }
    const auto rules = TerseRules(lines);
    const auto groups = GroupsOf(rules, before);
    std::set<uint32_t> numbers;
    std::set<uint32_t> positions;
    for (const PinGroup& group : groups) {
      ASSERT_TRUE(numbers.insert(group.number).second);
      ASSERT_GE(group.number, 1U);
      ASSERT_FALSE(group.rules.empty());
      for (const uint32_t position : group.rules) {
        ASSERT_TRUE(rules[position].PinsNames() || rules[position].DropsAddresses());
        ASSERT_EQ(rules[position].action, group.action);
        ASSERT_EQ(rules[position].service, group.service);
        ASSERT_TRUE(positions.insert(position).second);
      }
      for (const PinGroup& old : before) {
        ASSERT_TRUE(old.number != group.number ||
                    (old.service == group.service && old.action == group.action));
      }
    }
    for (uint32_t position = 0; position < rules.size(); ++position) {
      ASSERT_EQ(positions.contains(position),
                rules[position].PinsNames() || rules[position].DropsAddresses());
    }
    before = groups;
  }
}

}  // namespace
}  // namespace dnspin
