#pragma once
// Knows: what a file of clients.d or profiles.d says, each by itself (design.md 3). Touches
// nothing.

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/diagnostic.h"
#include "pinning/address.h"
#include "pinning/rule.h"

namespace dnspin {

enum class FileKind { kClient, kProfile };

inline constexpr size_t kRulesMax = 200'000;  // of one file, and of one client
inline constexpr size_t kRuleLineOctetsMax = 4096;
inline constexpr size_t kRuleFileOctetsMax = 16 << 20;
inline constexpr size_t kClientAddressesMax = 64;

struct ProfileUse {
  std::string profile;
  bool operator==(const ProfileUse&) const = default;
};

// Something at its place in a file.
template <typename T>
struct Placed {
  T value;
  size_t line = 1;
  size_t column = 1;
  bool operator==(const Placed&) const = default;
};

struct ClientFile {
  std::vector<Placed<Address>> addresses;                     // a client's
  std::vector<Placed<std::variant<Rule, ProfileUse>>> rules;  // in order; a profile has no uses
  std::vector<Placed<std::string>> alias;  // a profile's: at most one, and no rules then
  bool operator==(const ClientFile&) const = default;
};

// [A-Za-z0-9][A-Za-z0-9._-]{0,63}: what a client or profile may be called.
bool IsFileName(std::string_view name);

// `path` is what diagnostics call the file, `origin` ("clients.d/work") what its rules do.
ClientFile ReadClientFile(FileKind kind, const std::string& path, const std::string& origin,
                          std::string_view text, std::vector<Diagnostic>& diagnostics);

}  // namespace dnspin
