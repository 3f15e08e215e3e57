#pragma once
// Knows: what is said of one client over the control socket (docs/control.md). Pure.

#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/status/statusor.h"
#include "nft/conntrack.h"
#include "nft/served_client.h"

namespace dnspin::control {

using Json = nlohmann::ordered_json;

// The flows that the kernel remembers from a client to an address.
using FindFlows =
    std::function<absl::StatusOr<std::vector<Flow>>(const ServedClient&, const Address&)>;

Json RuleJson(const ServedClient& client, size_t position);  // from 0
Json PinsOf(const ServedClient& client, BootTime now);
Json WhyOf(const ServedClient& client, const Address& address, const FindFlows& find, BootTime now);
Json ExplanationOf(const ServedClient& client, const Name& name);
// What the firewall and its DNS refused lately, each with the name that it was about, if known.
Json BlockedOf(const ServedClient& client, BootTime now);
Json RecordOf(const ServedClient& client, BootTime now);
// What is new since `after`, unsorted: each with its `at`, nanoseconds since the machine booted.
std::vector<Json> EventsOf(const ServedClient& client, BootTime after, BootTime now);

}  // namespace dnspin::control
