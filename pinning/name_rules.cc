#include "pinning/name_rules.h"

#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "pinning/check.h"

namespace dnspin {
namespace {

RE2::Options RegexOptions() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_encoding(RE2::Options::EncodingLatin1);  // names are octets
  options.set_max_mem(1 << 20);
  return options;
}

enum class Reach : uint8_t { kThatName, kBelow };

struct Entry {
  uint32_t number;
  Reach reach;
};

absl::string_view Abseil(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

struct PatternIndex::State {
  absl::flat_hash_map<std::string, std::vector<Entry>> by_suffix;  // keys: Name::Wire()
  RE2::Set regexes{RegexOptions(), RE2::ANCHOR_BOTH};
  std::vector<std::pair<std::unique_ptr<RE2>, uint32_t>> regex_list;  // in the set's order
  bool set_compiled = false;
  bool finished = false;

  std::vector<uint32_t> MatchingRegexes(const std::string& text) const;
};

// RE2::Set runs a DFA and gives up when its memory is spent; a single RE2 never does. A drop rule
// must not be missed for that, so the slow way stands behind the fast one.
std::vector<uint32_t> PatternIndex::State::MatchingRegexes(const std::string& text) const {
  std::vector<uint32_t> numbers;
  std::vector<int> matched;
  RE2::Set::ErrorInfo error{RE2::Set::kNoError};
  if (set_compiled && (regexes.Match(text, &matched, &error) || error.kind == RE2::Set::kNoError)) {
    for (const int position : matched) {
      numbers.push_back(regex_list[static_cast<size_t>(position)].second);
    }
    return numbers;
  }
  for (const auto& [regex, number] : regex_list) {
    if (RE2::FullMatch(text, *regex)) {
      numbers.push_back(number);
    }
  }
  return numbers;
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
  auto& entries = state_->by_suffix[std::string(pattern.name.Wire())];
  if (pattern.kind != HostPattern::Kind::kBelow) {
    entries.push_back({number, Reach::kThatName});
  }
  if (pattern.kind != HostPattern::Kind::kName) {
    entries.push_back({number, Reach::kBelow});
  }
}

void PatternIndex::Finish() {
  DNSPIN_CHECK(!state_->finished);
  state_->set_compiled = !state_->regex_list.empty() && state_->regexes.Compile();
  state_->finished = true;
}

std::vector<uint32_t> PatternIndex::Matching(const Name& name) const {
  DNSPIN_CHECK(state_->finished);
  std::vector<uint32_t> numbers;
  const std::string_view wire = name.Wire();
  for (size_t at = 0; wire[at] != '\0'; at += 1 + static_cast<uint8_t>(wire[at])) {
    const auto found = state_->by_suffix.find(Abseil(wire.substr(at)));
    if (found == state_->by_suffix.end()) {
      continue;
    }
    const Reach reach = at == 0 ? Reach::kThatName : Reach::kBelow;
    for (const Entry& entry : found->second) {
      if (entry.reach == reach) {
        numbers.push_back(entry.number);
      }
    }
  }
  if (!state_->regex_list.empty()) {
    const auto regexes = state_->MatchingRegexes(name.Text());
    numbers.insert(numbers.end(), regexes.begin(), regexes.end());
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
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
