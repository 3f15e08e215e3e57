#pragma once
// Knows: how a name with letters beyond ASCII is asked for in DNS (IDNA2008, RFC 5891). Touches
// nothing.

#include <string>
#include <string_view>

namespace dnspin {

struct ALabels {
  std::string text;   // the name in A-labels, `xn--...`; empty if there is none
  std::string error;  // why not
};

// `host` is UTF-8, dots between its labels; upper case and composed letters are mapped first (UTS
// 46).
ALabels ToALabels(std::string_view host);

}  // namespace dnspin
