// Any octets are read as a file of addresses. What must hold:
//  - every line is a network, says nothing, or something is wrong with it, at its place;
//  - a network that was taken is held whole, and every range is of networks that were taken;
//  - ranges are sorted, and none meets or touches another;
//  - nothing that is held is private, or hides such an address, and none is half of the internet.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/address_lists.h"
#include "config/text_file.h"
#include "config/words.h"
#include "pinning/check.h"
#include "pinning/special_address.h"

namespace dnspin {
namespace {

void CheckSaid(const std::vector<Diagnostic>& said, size_t lines) {
  for (const Diagnostic& one : said) {
    const std::string text = one.Text();
    DNSPIN_CHECK(one.line >= 1 && one.line <= std::max<size_t>(lines, 1) && one.column >= 1);
    DNSPIN_CHECK(
        std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }));
  }
}

void CheckRanges(const NetworkList& list, const std::vector<Prefix>& taken) {
  for (size_t i = 0; i < list.ranges.size(); ++i) {
    const AddressRange& range = list.ranges[i];
    DNSPIN_CHECK(range.first <= range.last && range.first.family() == range.last.family());
    DNSPIN_CHECK(KindOf(range.first) == AddressKind::kOrdinary);
    DNSPIN_CHECK(KindOf(range.last) == AddressKind::kOrdinary);
    DNSPIN_CHECK(std::any_of(taken.begin(), taken.end(), [&](const Prefix& network) {
      return network.address == range.first;
    }));
    DNSPIN_CHECK(std::any_of(taken.begin(), taken.end(),
                             [&](const Prefix& network) { return network.Contains(range.last); }));
    DNSPIN_CHECK(i == 0 || list.ranges[i - 1].last < range.first);
  }
  for (const Prefix& network : taken) {
    DNSPIN_CHECK(list.Contains(network.address));
    DNSPIN_CHECK(network.length >= 8);
  }
  std::vector<Prefix> reversed(taken.rbegin(), taken.rend());
  DNSPIN_CHECK(Merged(reversed) == list.ranges);
}

}  // namespace
}  // namespace dnspin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace dnspin;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  std::vector<Diagnostic> said;
  const NetworkList list{"fuzz", ReadAddressList("fuzz", text, said)};
  const auto lines = SplitLines(text);
  CheckSaid(said, lines.size());
  std::vector<Prefix> taken;
  size_t errors = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto words = SplitWords(lines[i]);
    const bool wrong = std::any_of(said.begin(), said.end(),
                                   [i](const Diagnostic& one) { return one.line == i + 1; });
    errors += wrong ? 1 : 0;
    DNSPIN_CHECK(!(wrong && words.empty()) || errors > 1000);
    if (!wrong && !words.empty()) {
      const auto network = Prefix::Parse(words[0]);
      DNSPIN_CHECK(network && words.size() == 1);
      taken.push_back(*network);
    }
  }
  if (errors < 1000) {
    CheckRanges(list, taken);
  }
  return 0;
}
