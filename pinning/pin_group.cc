#include "pinning/pin_group.h"

#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace dnspin {
namespace {

bool HasSet(const Rule& rule) { return rule.PinsNames() || rule.DropsAddresses(); }

void GiveNumbers(std::vector<PinGroup>& groups, std::span<const PinGroup> before) {
  // A number that was another group's stays unused for once: its set still holds that group's pins.
  std::set<uint32_t> taken;
  std::map<std::tuple<Action, Service, uint32_t>, uint32_t> numbers;
  for (const PinGroup& old : before) {
    taken.insert(old.number);
    numbers.emplace(std::tuple(old.action, old.service, old.occurrence), old.number);
  }
  for (PinGroup& group : groups) {
    const auto same = numbers.find({group.action, group.service, group.occurrence});
    group.number = same != numbers.end() ? same->second : 0;
  }
  uint32_t next = 1;
  for (PinGroup& group : groups) {
    if (group.number != 0) {
      continue;
    }
    while (taken.contains(next)) {
      ++next;
    }
    group.number = next++;
  }
}

}  // namespace

std::vector<PinGroup> GroupsOf(std::span<const Rule> rules, std::span<const PinGroup> before) {
  std::vector<PinGroup> groups;
  std::map<std::pair<Action, Service>, uint32_t> alike;  // how many groups there are so far
  bool continues = false;  // the last rule that stands in the chain belongs to groups.back()
  for (uint32_t position = 0; position < rules.size(); ++position) {
    const Rule& rule = rules[position];
    if (!HasSet(rule)) {
      continues = continues && rule.host;  // what acts in DNS alone does not stand between
      continue;
    }
    if (!continues || groups.back().action != rule.action ||
        groups.back().service != rule.service) {
      const uint32_t occurrence = alike[{rule.action, rule.service}]++;
      groups.push_back({0, rule.action, rule.service, occurrence, {}});
    }
    groups.back().rules.push_back(position);
    continues = true;
  }
  GiveNumbers(groups, before);
  return groups;
}

std::vector<ChainStep> ChainSteps(std::span<const Rule> rules, std::span<const PinGroup> groups) {
  std::vector<ChainStep> steps;
  auto group = groups.begin();
  for (uint32_t position = 0; position < rules.size(); ++position) {
    if (group != groups.end() && group->rules.front() == position) {
      steps.push_back({&*group, nullptr});
      ++group;
    } else if (!rules[position].host) {
      steps.push_back({nullptr, &rules[position]});
    }
  }
  return steps;
}

}  // namespace dnspin
