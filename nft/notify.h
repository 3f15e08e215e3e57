#pragma once
// Knows: the service manager's notification protocol (sd_notify(3)). Touches: the socket that
// NOTIFY_SOCKET names, if any.

#include <string_view>

#include "absl/status/status.h"

namespace dnspin {

// "READY=1", "RELOADING=1\nMONOTONIC_USEC=...", "STOPPING=1"; silent without a service manager.
// An error if it cannot be told: one that waits for "READY=1" would wait in vain.
absl::Status NotifyServiceManager(std::string_view state);

}  // namespace dnspin
