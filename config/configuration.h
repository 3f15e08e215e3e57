#pragma once
// Knows: the files of a configuration and how they make one. Touches: these files, for reading.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/client_file.h"
#include "config/diagnostic.h"
#include "config/profiles.h"
#include "config/settings.h"
#include "config/text_file.h"
#include "pinning/address.h"
#include "pinning/rule_list.h"

namespace dnspin {

struct ClientConfig {
  std::string name;
  std::vector<Address> addresses;  // at least one; no other client's
  RuleList rules;  // profiles expanded; `origin` is set; none: everything is dropped
  std::vector<std::string> interfaces{};  // where it is; none: wherever its route leads
  std::string fault{};  // not empty: its rules do not parse, so that it has none; says why
  // dom0's targets of its two families disagree: it is in the middle of writing the second. What
  // was in force should stay a little longer; here is what was written last, for its family alone.
  bool unsettled = false;
  bool operator==(const ClientConfig&) const = default;
};

struct Configuration {
  Settings settings;
  std::vector<ClientConfig> clients;  // by name
  Profiles profiles;
  bool operator==(const Configuration&) const = default;
};

// Where a configuration lies. Folders clients.d and profiles.d lie beside each settings file; of
// two clients, or profiles, of one name that in the later place replaces the other.
struct ConfigurationFiles {
  std::vector<std::string> settings;  // each over the one before, key by key
  bool may_be_missing = false;

  static ConfigurationFiles
  Default();  // /etc/dnspin/dnspin.toml, then /rw/config/dnspin/dnspin.toml
  static ConfigurationFiles One(std::string path);  // --config
};

// What the files said, for the next load: one that did not change is not read again.
struct KnownClients {
  struct File {
    std::optional<FileStamp> stamp;  // none: it is read again
    std::vector<Placed<Address>> addresses;
    RuleList rules;  // profiles expanded
    bool uses_profiles = false;
    std::vector<Diagnostic> said;
  };
  std::map<std::string, File> clients;  // by path
  std::map<std::string, std::optional<FileStamp>> profiles;
};

struct LoadResult {
  std::optional<Configuration>
      configuration;                    // nothing after an error: a bad file never takes part
  std::vector<Diagnostic> diagnostics;  // all that is wrong, by file and line; warnings too
  KnownClients known;
};

LoadResult Load(const ConfigurationFiles& files);
// The same, after an earlier load.
LoadResult Load(const ConfigurationFiles& files, const KnownClients& known, int64_t wall_seconds);

// All that is wrong with them, and with the files of addresses that their rules name. Those are
// often fetched from somebody: for who runs their faults are none of the configuration.
std::vector<Diagnostic> Check(const ConfigurationFiles& files, int64_t wall_seconds);

}  // namespace dnspin
