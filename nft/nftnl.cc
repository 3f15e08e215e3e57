#include "nft/nftnl.h"

#include <string_view>

namespace dnspin::nftnl {

// Type, length and value, as nftnl_udata_parse() reads them; but that one believes every length.
std::string TextOfNote(const void* note, uint32_t octets, uint8_t type) {
  std::string_view left(static_cast<const char*>(note), note == nullptr ? 0 : octets);
  while (left.size() >= 2) {
    const auto length = static_cast<uint8_t>(left[1]);
    const std::string_view value = left.substr(2, length);
    if (value.size() < length) {
      break;
    }
    if (static_cast<uint8_t>(left[0]) == type) {
      return std::string(value.substr(0, value.find('\0')));
    }
    left.remove_prefix(2 + size_t{length});
  }
  return {};
}

}  // namespace dnspin::nftnl
