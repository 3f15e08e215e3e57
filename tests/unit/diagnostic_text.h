#pragma once
// Knows: how tests of config/ read what was said. Touches nothing.

#include <string>
#include <vector>

#include "config/diagnostic.h"

namespace dnspin {

// One line each, as `--check` prints them.
inline std::string Said(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& one : diagnostics) {
    text += one.Text() + "\n";
  }
  return text;
}

}  // namespace dnspin
