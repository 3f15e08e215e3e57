#pragma once
// Knows: by octets and positions alone, with nothing of resolver/, what a sound queued packet is,
// and how to make one of what is nearly one. The oracle of queued_packet_fuzz. Touches nothing.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace dnspin {

// Where UDP's header begins, if that many octets are there. Lengths and checksums are not looked
// at.
std::optional<size_t> WalkToUdp(std::span<const uint8_t> packet);

bool LengthsAreRight(std::span<const uint8_t> packet, size_t udp_at);
bool ChecksumsAreRight(std::span<const uint8_t> packet, size_t udp_at);

void MendLengths(std::vector<uint8_t>& packet, size_t udp_at);
// The UDP checksum only where there is one, or there must be.
void MendChecksums(std::vector<uint8_t>& packet, size_t udp_at);

}  // namespace dnspin
