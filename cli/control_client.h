#pragma once
// Knows: how to ask dnspind. Touches: RUN_DIR/control.

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"

namespace dnspin {

using Json = nlohmann::ordered_json;

// One request, one reply. What dnspind says is wrong comes back as an error.
absl::StatusOr<Json> AskDaemon(const std::string& run_dir, const Json& request,
                               std::chrono::seconds limit = std::chrono::seconds(30));

}  // namespace dnspin
