#pragma once
// Knows: how services, types of records and times are called on the control socket. Touches
// nothing.

#include <cstdint>
#include <string>

#include "pinning/clock.h"
#include "pinning/rule.h"

namespace dnspin::control {

std::string ProtocolText(const Service& service);  // "tcp"
std::string PortsText(const Service& service);     // "443", "80-90", "any"
std::string TypeName(uint16_t type);               // "AAAA", or "TYPE65280" (RFC 3597)
int64_t Seconds(BootClock::duration time);

}  // namespace dnspin::control
