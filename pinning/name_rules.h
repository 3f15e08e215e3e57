#pragma once
// Knows: which rules of a client are about a name, whatever their number (one hash lookup a label;
// regular expressions are one RE2::Set). Touches nothing.

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "pinning/host_pattern.h"
#include "pinning/positions.h"
#include "pinning/rule.h"

namespace dnspin {

// Host patterns under numbers. Built once, then asked.
class PatternIndex {
 public:
  static constexpr size_t kRegexesMax = 256;

  PatternIndex();
  ~PatternIndex();
  PatternIndex(PatternIndex&&) noexcept;
  PatternIndex& operator=(PatternIndex&&) noexcept;

  void Add(const HostPattern& pattern, uint32_t number);
  void Finish();  // after the last Add, before the first Matching

  // The numbers of all patterns that match, ascending, each once.
  Positions Matching(const Name& name) const;
  // The same of those that are this very pattern.
  Positions Same(const HostPattern& pattern) const;
  bool Matches(const Name& name) const { return !Matching(name).empty(); }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Empty if `regex` may stand in a rule; else what is wrong with it.
std::string RegexError(const std::string& regex);

PatternIndex IndexHosts(std::span<const Rule> rules);  // numbers are positions in `rules`
PatternIndex IndexPatterns(std::span<const HostPattern> patterns);

}  // namespace dnspin
