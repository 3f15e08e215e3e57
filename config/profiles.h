#pragma once
// Knows: the site profiles, by name and by alias, and how clients take them in. Touches nothing.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/client_file.h"
#include "config/diagnostic.h"
#include "pinning/rule.h"

namespace dnspin {

class Profiles {
 public:
  void Add(const std::string& name, std::string path, ClientFile file);

  // Says which aliases lead to no profile.
  void JudgeAliases(std::vector<Diagnostic>& diagnostics) const;

  // The rules of the client file at `path`, those of each profile in place of its `use`.
  std::vector<Rule> Expand(const std::string& path, ClientFile file,
                           std::vector<Diagnostic>& diagnostics) const;

  bool operator==(const Profiles&) const = default;

 private:
  struct Profile {
    std::string path;
    ClientFile file;
    bool operator==(const Profile&) const = default;
  };

  // The profile that `name` stands for, through aliases; null if there is none.
  const std::pair<const std::string, Profile>* Find(const std::string& name) const;
  std::string Nearest(std::string_view name) const;

  std::map<std::string, Profile> profiles_;
};

}  // namespace dnspin
