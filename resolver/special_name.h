#pragma once
// Knows: the names that are answered here and never asked of an upstream (design.md 7; RFC 6303,
// 6761, 7686, 8375, 8482, 9462, 9476), and records of our own making. `test` is none of them: labs
// live there. Touches nothing.

#include <cstdint>
#include <optional>

#include "pinning/name.h"
#include "resolver/reply.h"

namespace dnspin {

// What is said whatever the rules are: names that browsers and systems ask to find out whether they
// may go around their DNS server.
std::optional<Reply> CanaryReply(const Name& asked);

// What is said unless a rule lists the name: those of this machine and of private networks.
std::optional<Reply> LocalReply(const Name& asked, uint16_t type);

// That there is no record of the type asked.
Reply NodataReply(const Name& asked);

// RFC 8482, for type ANY.
Reply AnyReply(const Name& asked);

// The SOA record that lets a client remember for `ttl` seconds that there is nothing.
Record LocalSoa(const Name& owner, uint32_t ttl);

}  // namespace dnspin
