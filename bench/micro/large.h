#pragma once
// Knows: configurations as large as they may become, and names that their rules list or not.
// Touches a temporary folder.

#include <fmt/format.h>

#include <cstddef>
#include <string>

#include "config/configuration.h"
#include "pinning/name.h"
#include "tests/temporary_folder.h"

namespace dnspin::bench {

// Rule `i` of a client, as a person would write it: an exact name, a zone, what is below a name.
inline std::string RuleLine(size_t i) {
  constexpr const char* kPrefixes[] = {"", ".", "*."};
  constexpr const char* kServices[] = {"", " tcp 443", " tcp 8000-8100", " udp 443"};
  return fmt::format("accept {}host{}.zone{}.example.com{}\n", kPrefixes[i % 3], i, i % 977,
                     kServices[i / 16 % 4]);
}

// What rule `i` lists, or, with another `zone`, no rule.
inline Name NameFor(size_t i, const char* zone = "example.com") {
  return *Name::FromHost(
      fmt::format("{}host{}.zone{}.{}", i % 3 == 0 ? "" : "www.", i, i % 977, zone));
}

// A configuration of so many clients of so many rules each, in files; gone when this goes.
class LargeConfiguration {
 public:
  LargeConfiguration(size_t clients, size_t rules) {
    folder_.Write("dnspin.toml", "[dns]\nupstream = [\"192.0.2.53\"]\n");
    for (size_t client = 0; client < clients; ++client) {
      std::string text = fmt::format("address 10.137.{}.{} fd09::{:x}\n", client / 250,
                                     client % 250 + 1, client + 1);
      for (size_t rule = 0; rule < rules; ++rule) {
        text += RuleLine(rule);
      }
      folder_.Write(fmt::format("clients.d/client{}", client), text);
    }
  }

  ConfigurationFiles files() const {
    return ConfigurationFiles::One(folder_.path() / "dnspin.toml");
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace dnspin::bench
