#include "config/idna.h"

#include <idn2.h>

#include <cstdint>
#include <memory>

namespace dnspin {
namespace {

struct Idn2Free {
  void operator()(uint8_t* text) const { idn2_free(text); }
};

}  // namespace

ALabels ToALabels(std::string_view host) {
  constexpr size_t kOctetsMax = 1024;  // far beyond what fits into a name
  if (host.size() > kOctetsMax || host.find('\0') != std::string_view::npos) {
    return {{}, "too long or not text"};
  }
  const std::string terminated(host);
  uint8_t* raw = nullptr;
  const int result = idn2_lookup_u8(reinterpret_cast<const uint8_t*>(terminated.c_str()), &raw,
                                    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<uint8_t, Idn2Free> converted(raw);
  if (result != IDN2_OK) {
    return {{}, idn2_strerror(result)};
  }
  // cppcheck-suppress returnDanglingLifetime ; a std::string is made of it
  return {reinterpret_cast<const char*>(converted.get()), {}};
}

}  // namespace dnspin
