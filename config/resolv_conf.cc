#include "config/resolv_conf.h"

#include "config/text_file.h"

namespace dnspin {

std::vector<Endpoint> ReadNameservers(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  constexpr std::string_view kKeyword = "nameserver";
  std::vector<Endpoint> servers;
  for (std::string_view line : SplitLines(text)) {
    if (!line.starts_with(kKeyword) || servers.size() == kNameserversMax) {
      continue;
    }
    line.remove_prefix(kKeyword.size());
    const size_t from = line.find_first_not_of(kBlank);
    if (from == 0 || from == std::string_view::npos) {
      continue;
    }
    line.remove_prefix(from);
    if (const auto address = Address::Parse(line.substr(0, line.find_first_of(kBlank)))) {
      servers.push_back({*address, 53});
    }
  }
  return servers;
}

}  // namespace dnspin
