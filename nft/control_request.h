#pragma once
// Knows: what may be asked over the control socket, and how it is spelled (docs/control.md).
// Touches nothing.

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "pinning/clock.h"
#include "pinning/rule.h"

namespace dnspin {

struct ControlRequest {
  std::string command;
  std::string client;  // empty: not named
  std::string address;
  std::string name;
  BootTime after;                  // events
  std::chrono::seconds seconds{};  // learn: for so long
  std::vector<Service> services;   // learn
};

// Any octets may come. What it names may not be there.
absl::StatusOr<ControlRequest> ReadControlRequest(std::string_view text);

// "tcp/443", "udp/5000-5010".
std::string ServiceText(const Service& service);

}  // namespace dnspin
