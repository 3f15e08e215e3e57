#pragma once
// Knows: the service manager's notification protocol (sd_notify(3)). Touches: the socket that
// NOTIFY_SOCKET names, if any.

#include <string_view>

namespace dnspin {

// "READY=1", "RELOADING=1\nMONOTONIC_USEC=...", "STOPPING=1"; silent without a service manager.
void NotifyServiceManager(std::string_view state);

}  // namespace dnspin
