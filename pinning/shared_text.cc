#include "pinning/shared_text.h"

#include <algorithm>
#include <limits>
#include <new>

#include "pinning/check.h"

namespace dnspin {

SharedText::Octets* SharedText::Copied(std::string_view text) {
  if (text.empty()) {
    return nullptr;
  }
  DNSPIN_CHECK(text.size() <= std::numeric_limits<uint32_t>::max());
  void* const room = ::operator new(sizeof(Octets) + text.size() + 1);
  auto* const octets = new (room) Octets{1, static_cast<uint32_t>(text.size())};
  char* const start = reinterpret_cast<char*>(octets + 1);
  *std::copy(text.begin(), text.end(), start) = '\0';
  return octets;
}

void SharedText::Free(Octets* octets) { ::operator delete(octets); }

}  // namespace dnspin
