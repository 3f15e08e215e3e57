#include "nft/command_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "pinning/check.h"
#include "pinning/kernel_name.h"

namespace dnspin {
namespace {

using std::chrono::milliseconds;

constexpr auto kLifeMin = milliseconds(1000);
constexpr size_t kElementsPerCommand =
    128;  // libnftables keeps a copy of a bad command on its stack

// PinComment() lets nothing pass that nft cannot quote; a comment from elsewhere might not.
std::string Quoted(std::string_view comment) {
  std::string quoted = "\"";
  for (const char c : comment.substr(0, kCommentOctetsMax)) {
    quoted += c < ' ' || c > '~' || c == '"' ? '?' : c;
  }
  return quoted + "\"";
}

std::string ElementText(const PinElement& pin) {
  const int64_t life = std::max(pin.life, kLifeMin).count();
  std::string text = fmt::format("{} timeout {}ms expires {}ms", pin.address.Text(), life, life);
  if (!pin.comment.empty()) {
    text += " comment " + Quoted(pin.comment);
  }
  return text;
}

struct ElementTexts {
  std::vector<std::string> whole;
  std::vector<std::string> keys;
};

}  // namespace

CommandText::CommandText(std::string& text, Family family, std::string_view table)
    : text_(text), family_(family) {
  DNSPIN_CHECK(IsTableName(table));
  place_ = fmt::format("{} {}", ip(), table);
}

std::string_view CommandText::ip() const { return family_ == Family::kIpv4 ? "ip" : "ip6"; }

std::string_view CommandText::key_type() const {
  return family_ == Family::kIpv4 ? "ipv4_addr" : "ipv6_addr";
}

void CommandText::Put(std::string_view verb, std::string_view rest) {
  text_ += fmt::format("{} {} {}\n", verb, place_, rest);
}

void CommandText::PutTable(std::string_view verb) {
  text_ += fmt::format("{} table {}\n", verb, place_);
}

void CommandText::PutSharedRules(std::string_view chain, std::span<const std::string> rules,
                                 const TableView& view) {
  std::vector<uint64_t> old;
  for (const TableView::OwnRule& rule : view.own_rules) {
    if (rule.chain == chain) {
      old.push_back(rule.handle);
    }
  }
  for (const std::string& rule : rules) {
    if (old.empty()) {
      Put("add rule", fmt::format("{} {} comment \"{}\"", chain, rule, kOwnComment));
    } else {
      Put("insert rule",
          fmt::format("{} handle {} {} comment \"{}\"", chain, old.front(), rule, kOwnComment));
    }
  }
  for (const uint64_t handle : old) {
    Put("delete rule", fmt::format("{} handle {}", chain, handle));
  }
}

void PutElements(CommandText& commands, std::string_view verb, std::string_view set,
                 std::span<const std::string> elements) {
  while (!elements.empty()) {
    const auto some = elements.first(std::min(elements.size(), kElementsPerCommand));
    commands.Put(verb, fmt::format("{} {{ {} }}", set, fmt::join(some, ", ")));
    elements = elements.subspan(some.size());
  }
}

void PutPins(CommandText& commands, std::span<const PinElement> pins, RefreshWay way) {
  std::map<std::pair<std::string_view, bool>, ElementTexts> by_set;
  for (const PinElement& pin : pins) {
    if (pin.address.family() == commands.family()) {
      const bool anew = pin.replace || way == RefreshWay::kAddDeleteAdd;
      ElementTexts& elements = by_set[{pin.set, anew}];
      elements.whole.push_back(ElementText(pin));
      elements.keys.push_back(pin.address.Text());
    }
  }
  for (const auto& [where, elements] : by_set) {
    const auto& [set, anew] = where;
    PutElements(commands, "add element", set, elements.whole);
    if (anew) {
      PutElements(commands, "delete element", set, elements.keys);
      PutElements(commands, "add element", set, elements.whole);
    }
  }
}

void PutDrops(CommandText& commands, const std::string& set, std::span<const DropElement> drops) {
  std::vector<std::string> elements;
  for (const DropElement& drop : drops) {
    elements.push_back(fmt::format("{} comment {}", drop.address.Text(), Quoted(drop.comment)));
  }
  commands.Put("flush set", set);
  PutElements(commands, "add element", set, elements);
}

void PutGonePins(CommandText& commands, std::span<const GonePin> gone) {
  std::map<std::string_view, ElementTexts> by_set;
  for (const GonePin& pin : gone) {
    if (pin.address.family() == commands.family()) {
      ElementTexts& elements = by_set[pin.set];
      elements.whole.push_back(ElementText({pin.set, pin.address, kLifeMin, "", false}));
      elements.keys.push_back(pin.address.Text());
    }
  }
  // To delete what has expired would fail, and all else with it: so each is added first.
  for (const auto& [set, elements] : by_set) {
    PutElements(commands, "add element", set, elements.whole);
    PutElements(commands, "delete element", set, elements.keys);
  }
}

}  // namespace dnspin
