#pragma once
// Knows: the keys of dnspin.toml, their defaults and bounds (design.md 4). Touches nothing.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"
#include "pinning/address.h"
#include "pinning/host_pattern.h"
#include "pinning/policy.h"

namespace dnspin {

enum class Inbound : uint8_t { kClosed, kOpen };

struct Settings {
  std::vector<std::string> interfaces{"vif*"};
  bool from_files = true;  // sources: rules are in clients.d
  bool from_qubesdb = false;
  Inbound inbound = Inbound::kClosed;
  bool prefetch = false;
  bool dom0_accept = false;
  bool learn = true;   // clients may be taught
  bool snoop = false;  // mode: clients ask the server they have, and its answers are held
  bool snoop_fail_open = false;
  bool isolated = true;  // isolation: a reader for each client
  bool intercept_any = false;
  std::vector<Address> intercept;   // 10.139.1.1 and 10.139.1.2 where it is not written
  std::vector<Endpoint> upstreams;  // empty: /etc/resolv.conf
  std::vector<HostPattern> rebind_ok;
  BindingTerms bindings;
  PinTerms terms;
  Limits limits;
  std::string table = "dnspin";
  std::string run_dir = "/run/dnspin";
  std::string user = "dnspin";
  std::string resolver_user = "dnspin-resolver";

  Settings();  // the defaults
  bool operator==(const Settings&) const = default;
};

inline constexpr size_t kSettingsOctetsMax = 1 << 20;

// Sets what the file's `text` sets. All that is wrong with it is added to `diagnostics`; `settings`
// is of no use after an error.
void ReadSettings(const std::string& path, std::string_view text, Settings& settings,
                  std::vector<Diagnostic>& diagnostics);

}  // namespace dnspin
