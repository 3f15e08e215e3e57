#include "config/profiles.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "config/rule_sense.h"
#include "config/suggestion.h"
#include "pinning/name_rules.h"

namespace dnspin {
namespace {

// Collects one client's rules.
class Expansion {
 public:
  Expansion(const std::string& path, size_t rules, std::vector<Diagnostic>& diagnostics)
      : path_(path), diagnostics_(diagnostics) {
    rules_.reserve(rules);
  }

  // False once the client has more than it may.
  template <typename T>
  bool Add(Rule rule, const Placed<T>& place) {
    const bool regex = rule.host && rule.host->kind == HostPattern::Kind::kRegex;
    regexes_ += regex ? 1 : 0;
    if (rules_.size() == kRulesMax) {
      return Refuse(place, fmt::format("more than {} rules with this profile's", kRulesMax));
    }
    if (regexes_ > PatternIndex::kRegexesMax) {
      return Refuse(place, fmt::format("more than {} regular expressions with this profile's",
                                       PatternIndex::kRegexesMax));
    }
    ended_ = ended_ || EndsAll(rule);
    rules_.push_back(std::move(rule));
    return true;
  }

  // Behind a profile that ends with `drop` nothing of the client's own acts.
  template <typename T>
  void JudgeReach(const Placed<T>& place) {
    if (ended_by_profile_ && !std::exchange(warned_, true)) {
      Say(place, Severity::kWarning,
          fmt::format("profile {} matches everything, so nothing acts from here on", ender_));
    }
  }
  void EndProfile(const std::string& name) {
    if (ended_ && !ended_by_profile_) {
      ended_by_profile_ = true;
      ender_ = name;
    }
  }

  template <typename T>
  void Say(const Placed<T>& place, Severity severity, std::string message, std::string word = {},
           std::string suggestion = {}) {
    diagnostics_.push_back({path_, place.line, place.column, severity, std::move(message),
                            std::move(word), std::move(suggestion)});
  }

  std::vector<Rule> Take() { return std::move(rules_); }

 private:
  template <typename T>
  bool Refuse(const Placed<T>& place, std::string message) {
    Say(place, Severity::kError, std::move(message));
    return false;
  }

  const std::string& path_;
  std::vector<Diagnostic>& diagnostics_;
  std::vector<Rule> rules_;
  size_t regexes_ = 0;
  bool ended_ = false;
  bool ended_by_profile_ = false;
  bool warned_ = false;
  std::string ender_;
};

}  // namespace

void Profiles::Add(const std::string& name, std::string path, ClientFile file) {
  profiles_.insert_or_assign(name, Profile{std::move(path), std::move(file)});
}

const std::pair<const std::string, Profiles::Profile>* Profiles::Find(
    const std::string& name) const {
  auto found = profiles_.find(name);
  for (size_t steps = 0; found != profiles_.end() && steps <= profiles_.size(); ++steps) {
    const auto& alias = found->second.file.alias;
    if (alias.empty()) {
      return &*found;
    }
    found = profiles_.find(alias[0].value);
  }
  return nullptr;
}

std::string Profiles::Nearest(std::string_view name) const {
  std::vector<std::string> names;
  for (const auto& [known, profile] : profiles_) {
    if (known != name) {
      names.push_back(known);
    }
  }
  return NearestWord(name, names);
}

void Profiles::JudgeAliases(std::vector<Diagnostic>& diagnostics) const {
  for (const auto& [name, profile] : profiles_) {
    if (profile.file.alias.empty() || Find(name) != nullptr) {
      continue;
    }
    const auto& alias = profile.file.alias[0];
    const bool known = profiles_.contains(alias.value);
    diagnostics.push_back({profile.path, alias.line, alias.column, Severity::kError,
                           known ? "an alias that leads to no profile:" : "unknown profile",
                           alias.value, known ? std::string() : Nearest(alias.value)});
  }
}

std::vector<Rule> Profiles::Expand(const std::string& path, ClientFile file,
                                   std::vector<Diagnostic>& diagnostics) const {
  Expansion expansion(path, file.rules.size(), diagnostics);
  std::set<std::string_view> used;
  for (auto& item : file.rules) {
    expansion.JudgeReach(item);
    if (auto* rule = std::get_if<Rule>(&item.value)) {
      if (!expansion.Add(std::move(*rule), item)) {
        break;
      }
      continue;
    }
    const std::string& name = std::get<ProfileUse>(item.value).profile;
    const auto* found = Find(name);
    if (found == nullptr) {
      if (!profiles_.contains(name)) {  // else its alias is complained of already
        expansion.Say(item, Severity::kError, "unknown profile", name, Nearest(name));
      }
      continue;
    }
    if (!used.insert(found->first).second) {
      expansion.Say(item, Severity::kWarning, "its rules stand here already, of profile", name);
      continue;
    }
    for (const auto& placed : found->second.file.rules) {
      if (!expansion.Add(std::get<Rule>(placed.value), item)) {
        return expansion.Take();
      }
    }
    expansion.EndProfile(name);
  }
  return expansion.Take();
}

}  // namespace dnspin
