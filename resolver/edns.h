#pragma once
// Knows: the OPT record (RFC 6891) and the extended errors in it (RFC 8914). Touches nothing.

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace dnspin {

// What we take over UDP and the most we ever send: never fragmented (RFC 9715).
inline constexpr uint16_t kUdpOctets = 1232;

struct Opt {
  uint16_t udp_octets = kUdpOctets;
  uint8_t extended_rcode = 0;  // the upper eight bits of twelve
  uint8_t version = 0;
  bool dnssec_ok = false;
};

// What an OPT record's CLASS, TTL and RDATA say. Nothing if the options do not fill the RDATA to
// its last octet; those of a version that we do not know are not looked at.
std::optional<Opt> ReadOpt(uint16_t klass, uint32_t ttl, std::span<const uint8_t> rdata);

// The whole record. `ede` brings its code with a fixed text of ours: nothing from outside is
// echoed.
std::string EncodeOpt(const Opt& opt, std::optional<uint16_t> ede = std::nullopt);

}  // namespace dnspin
