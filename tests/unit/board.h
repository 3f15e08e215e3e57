#pragma once
// Knows: a source of rules that keeps what is published, or takes nothing. Touches nothing.

#include <map>
#include <set>
#include <string>

#include "pinning/rule_source.h"

namespace dnspin {

class Board : public RuleSource {
 public:
  int fd() const override { return -1; }
  std::optional<BootTime> NextDeadline() const override { return {}; }
  News Serve(BootTime) override { return {}; }
  bool known() const override { return true; }
  void Follow(const std::map<std::string, std::set<std::string>>&) override {}
  uint64_t connection() const override { return connections; }
  bool Write(const std::string& path, const std::string& data) override {
    if (!takes || path.size() > 63) {
      return false;
    }
    tree[path] = data;
    ++writes;
    return true;
  }
  bool Remove(const std::string& path) override {
    std::erase_if(tree, [&](const auto& entry) {
      return path.ends_with('/') ? entry.first.starts_with(path) : entry.first == path;
    });
    return true;
  }
  uint64_t Handled(const std::string& target) const override {
    const auto found = tree.find(std::string(kPublishedCounts) + target);
    return found == tree.end() ? 0 : std::stoull(found->second);
  }

  std::map<std::string, std::string> tree;
  bool takes = true;
  size_t writes = 0;
  uint64_t connections = 1;
};

}  // namespace dnspin
