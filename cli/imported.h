#pragma once
// Knows: a client file in the making, of what another program's rules said. Each rule has passed
// dnspin's own parser; what has not is said. Touches nothing.

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"
#include "pinning/address.h"
#include "pinning/rule.h"

namespace dnspin {

// What a list of names alone does not say.
struct ImportTerms {
  std::vector<Service> services{{Protocol::kTcp, PortRange{443, 443}, {}},
                                {Protocol::kTcp, PortRange{80, 80}, {}}};  // what is opened there
  bool block = false;  // the names are those that are refused
};

class Imported {
 public:
  // `source` is what notes call the file.
  Imported(std::string source, ImportTerms terms);

  // A host pattern of a list, accepted on all services of the terms. False: it was not taken.
  bool AddHost(size_t line, Action action, std::string_view host);
  // A rule by itself, in words of ours.
  bool AddRule(size_t line, std::string_view text);
  // A profile that it uses.
  void Use(size_t line, std::string_view profile);
  void NotCarriedOver(size_t line, std::string_view why);
  void Note(size_t line, std::string_view text);

  // Exact names that are dropped are each looked up, up to a number: beyond it all of them are
  // refused in DNS alone, each with what is below it.
  void LimitDroppedNames();

  std::string client;              // what it is called there; may be empty
  std::vector<Address> addresses;  // its own
  bool is_profile = false;         // for profiles.d: without addresses
  std::string ending;              // comment lines behind the rules

  struct Said {
    size_t line;
    std::string text;
  };
  const std::vector<Said>& said() const { return said_; }
  const std::string& source() const { return source_; }
  size_t rule_count() const { return rule_count_; }

  // The file: comments, addresses, profiles, rules. Without addresses it has one that is nobody's,
  // by its `number`: no two clients may have the same.
  std::string Text(size_t number = 0) const;

 private:
  bool Take(size_t line, Rule rule, bool listed);
  std::string RuleLines() const;

  struct Entry {
    size_t line;
    Rule rule;
    bool listed;  // by its name alone: the terms say on which services
  };
  std::string source_;
  ImportTerms terms_;
  std::vector<Entry> entries_;
  std::vector<std::string> profiles_;
  std::vector<Said> said_;
  std::set<std::string> lines_;  // rules that are there already
  size_t rule_count_ = 0;        // lines of the file
  size_t regexes_ = 0;
  size_t octets_ = 0;
};

}  // namespace dnspin
