#pragma once
// Knows: configurations as large as they may become, and names that their rules list or not.
// Touches a temporary folder.

#include <fmt/format.h>
#include <stdlib.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>

#include "config/configuration.h"
#include "pinning/name.h"

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
    std::string folder = "/tmp/dnspin-bench-XXXXXX";
    folder_ = mkdtemp(folder.data());
    std::filesystem::create_directory(folder_ / "clients.d");
    std::ofstream(folder_ / "dnspin.toml") << "[dns]\nupstream = [\"192.0.2.53\"]\n";
    for (size_t client = 0; client < clients; ++client) {
      std::ofstream file(folder_ / "clients.d" / fmt::format("client{}", client));
      file << fmt::format("address 10.137.{}.{} fd09::{:x}\n", client / 250, client % 250 + 1,
                          client + 1);
      for (size_t rule = 0; rule < rules; ++rule) {
        file << RuleLine(rule);
      }
    }
  }
  ~LargeConfiguration() { std::filesystem::remove_all(folder_); }
  LargeConfiguration(const LargeConfiguration&) = delete;
  LargeConfiguration& operator=(const LargeConfiguration&) = delete;

  ConfigurationFiles files() const { return ConfigurationFiles::One(folder_ / "dnspin.toml"); }

 private:
  std::filesystem::path folder_;
};

}  // namespace dnspin::bench
