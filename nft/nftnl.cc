#include "nft/nftnl.h"

#include <cstring>

namespace dnspin::nftnl {
namespace {

struct Wanted {
  uint8_t type;
  std::string text;
};

int Keep(const nftnl_udata* note, void* data) {
  auto& wanted = *static_cast<Wanted*>(data);
  const uint8_t length = nftnl_udata_len(note);
  if (nftnl_udata_type(note) == wanted.type && length > 0) {
    const auto* text = static_cast<const char*>(nftnl_udata_get(note));
    wanted.text.assign(text, ::strnlen(text, length));
  }
  return 0;
}

}  // namespace

std::string TextOfNote(const void* note, uint32_t octets, uint8_t type) {
  Wanted wanted{type, {}};
  if (note != nullptr) {
    nftnl_udata_parse(note, octets, &Keep, &wanted);
  }
  return std::move(wanted.text);
}

}  // namespace dnspin::nftnl
