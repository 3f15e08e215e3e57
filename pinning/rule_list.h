#pragma once
// Knows: a client's rules as many parts of a process keep them: once, until somebody changes his.
// Touches nothing.

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

#include "pinning/rule.h"

namespace dnspin {

// A value like a vector of rules. Copies share them; of one thread.
class RuleList {
 public:
  RuleList() = default;
  RuleList(std::vector<Rule> rules)  // NOLINT(google-explicit-constructor): it is the same value
      : rules_(std::make_shared<std::vector<Rule>>(std::move(rules))) {}
  RuleList(std::initializer_list<Rule> rules) : RuleList(std::vector<Rule>(rules)) {}

  bool empty() const { return size() == 0; }
  size_t size() const { return rules_ ? rules_->size() : 0; }
  const Rule* data() const { return rules_ ? rules_->data() : nullptr; }
  const Rule* begin() const { return data(); }
  const Rule* end() const { return data() + size(); }
  const Rule& operator[](size_t position) const { return rules_->at(position); }
  const Rule& back() const { return rules_->back(); }

  // Its own rules, to be changed; a copy where they are shared.
  std::vector<Rule>& Own() {
    if (!rules_ || rules_.use_count() > 1) {
      rules_ = std::make_shared<std::vector<Rule>>(begin(), end());
    }
    return *rules_;
  }
  void push_back(Rule rule) { Own().push_back(std::move(rule)); }
  void clear() { rules_.reset(); }

  bool operator==(const RuleList& other) const {
    return rules_ == other.rules_ || std::equal(begin(), end(), other.begin(), other.end());
  }

 private:
  std::shared_ptr<std::vector<Rule>> rules_;
};

}  // namespace dnspin
