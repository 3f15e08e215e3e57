#include "pinning/name_rules.h"

#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "pinning/check.h"
#include "pinning/pattern_table.h"

namespace dnspin {
namespace {

RE2::Options RegexOptions() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_encoding(RE2::Options::EncodingLatin1);  // names are octets
  options.set_max_mem(1 << 20);
  return options;
}

// Ascending, each once.
void Settle(Positions& numbers) {
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
}

}  // namespace

struct PatternIndex::State {
  PatternTable spelled;
  RE2::Set regexes{RegexOptions(), RE2::ANCHOR_BOTH};
  std::vector<std::pair<std::unique_ptr<RE2>, uint32_t>> regex_list;  // in the set's order
  bool set_compiled = false;
  bool finished = false;

  void AppendMatchingRegexes(const std::string& text, Positions& numbers) const;
};

// RE2::Set runs a DFA and gives up when its memory is spent; a single RE2 never does. A drop rule
// must not be missed for that, so the slow way stands behind the fast one.
void PatternIndex::State::AppendMatchingRegexes(const std::string& text, Positions& numbers) const {
  std::vector<int> matched;
  RE2::Set::ErrorInfo error{RE2::Set::kNoError};
  if (set_compiled && (regexes.Match(text, &matched, &error) || error.kind == RE2::Set::kNoError)) {
    for (const int position : matched) {
      numbers.push_back(regex_list[static_cast<size_t>(position)].second);
    }
    return;
  }
  for (const auto& [regex, number] : regex_list) {
    if (RE2::FullMatch(text, *regex)) {
      numbers.push_back(number);
    }
  }
}

PatternIndex::PatternIndex() : state_(std::make_unique<State>()) {}
PatternIndex::~PatternIndex() = default;
PatternIndex::PatternIndex(PatternIndex&&) noexcept = default;
PatternIndex& PatternIndex::operator=(PatternIndex&&) noexcept = default;

void PatternIndex::Add(const HostPattern& pattern, uint32_t number) {
  DNSPIN_CHECK(!state_->finished);
  if (pattern.kind == HostPattern::Kind::kRegex) {
    auto regex = std::make_unique<RE2>(pattern.regex, RegexOptions());
    DNSPIN_CHECK(regex->ok());  // RegexError was asked at load
    DNSPIN_CHECK(state_->regexes.Add(pattern.regex, nullptr) >= 0);
    state_->regex_list.emplace_back(std::move(regex), number);
    return;
  }
  state_->spelled.Add(pattern, number);
}

void PatternIndex::Finish() {
  DNSPIN_CHECK(!state_->finished);
  state_->spelled.Finish();
  state_->set_compiled = !state_->regex_list.empty() && state_->regexes.Compile();
  state_->finished = true;
}

Positions PatternIndex::Matching(const Name& name) const {
  DNSPIN_CHECK(state_->finished);
  Positions numbers;
  state_->spelled.AppendMatching(name, numbers);
  if (!state_->regex_list.empty()) {
    state_->AppendMatchingRegexes(name.Text(), numbers);
  }
  Settle(numbers);
  return numbers;
}

Positions PatternIndex::Same(const HostPattern& pattern) const {
  DNSPIN_CHECK(state_->finished);
  Positions numbers;
  if (pattern.kind != HostPattern::Kind::kRegex) {
    state_->spelled.AppendSame(pattern, numbers);
  }
  for (const auto& [regex, number] : state_->regex_list) {
    if (pattern.kind == HostPattern::Kind::kRegex && regex->pattern() == pattern.regex) {
      numbers.push_back(number);
    }
  }
  Settle(numbers);
  return numbers;
}

std::string RegexError(const std::string& regex) {
  const RE2 compiled(regex, RegexOptions());
  return compiled.ok() ? std::string() : compiled.error();
}

PatternIndex IndexHosts(std::span<const Rule> rules) {
  PatternIndex index;
  for (uint32_t position = 0; position < rules.size(); ++position) {
    if (rules[position].host) {
      index.Add(*rules[position].host, position);
    }
  }
  index.Finish();
  return index;
}

PatternIndex IndexPatterns(std::span<const HostPattern> patterns) {
  PatternIndex index;
  for (uint32_t position = 0; position < patterns.size(); ++position) {
    index.Add(patterns[position], position);
  }
  index.Finish();
  return index;
}

}  // namespace dnspin
