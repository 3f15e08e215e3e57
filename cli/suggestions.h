#pragma once
// Knows: which rules would have allowed what a client asked for and did not get. Touches nothing.

#include <string>
#include <vector>

#include "cli/control_client.h"
#include "cli/record.h"
#include "pinning/rule.h"

namespace dnspin {

// What belongs to one owner.
struct SuggestedDomain {
  std::string title;  // "github.com"
  std::vector<std::string> names;
  int64_t count = 0;
  std::vector<Rule> rules;
  std::vector<Rule> exact;  // the same without patterns, for dom0
};

struct Suggestions {
  std::string client;
  std::vector<SuggestedDomain> domains;
  std::vector<Rule> addresses;  // that no name was asked for
  struct LeftOut {
    std::string what;
    std::string why;
  };
  std::vector<LeftOut> left_out;

  std::string Text() const;  // rules, and comments
  Json AsJson() const;
  // Lines for a shell in dom0, each behind `before`.
  std::string QvmFirewallText(const std::string& vm, const std::string& before) const;
};

Suggestions SuggestFor(const RecordedClient& record);

}  // namespace dnspin
