#pragma once
// Knows: what each key of dnspin.toml means and may be. Touches nothing.

#include <span>
#include <string_view>

#include "config/setting.h"
#include "config/settings.h"

namespace dnspin {

struct SettingKey {
  std::string_view table;
  std::string_view name;
  void (*read)(const Setting& setting, Settings& settings, SettingReport& report);
};

std::span<const SettingKey> SettingKeys();

}  // namespace dnspin
