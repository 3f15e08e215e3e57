#pragma once
// Knows: the files of addresses that rules name (design.md 3), what they say, and when they are
// read again. Touches: these files, for reading.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"
#include "config/text_file.h"
#include "pinning/network_list.h"
#include "pinning/rule_list.h"

namespace dnspin {

inline constexpr size_t kAddressListOctetsMax = 4 << 20;
inline constexpr size_t kNetworksMax = 100'000;      // of one file
inline constexpr size_t kAddressRangesMax = 16'384;  // of one file, merged: libnftables is slow
inline constexpr size_t kAddressListsMax = 32;       // that rules name
inline constexpr size_t kAddressRangesOfAllMax = 65'536;

// The networks that `text` names, one a line; what could not be a provider's is an error: a
// network, or all of them together, that is more than an IPv4 /8 or an IPv6 /16.
std::vector<AddressRange> ReadAddressList(const std::string& file, std::string_view text,
                                          std::vector<Diagnostic>& diagnostics);

// Where the file is that rules call `path`.
std::string PlaceOfAddresses(const std::string& path);

class AddressLists {
 public:
  // What the files say now that these rules name. One that is not there, or is too many, holds
  // nothing; one that is bad holds what it held before, and that is an error.
  NetworkLists Read(const std::vector<RuleList>& rules, int64_t wall_seconds,
                    std::vector<Diagnostic>& diagnostics);

 private:
  struct File {
    std::optional<FileStamp> stamp;  // none: it is read again
    std::shared_ptr<const NetworkList> list;
    std::vector<Diagnostic> said;
  };
  void Look(const std::string& path, int64_t wall_seconds, File& file) const;

  std::map<std::string, File> files_;  // by path
};

}  // namespace dnspin
