#pragma once
// Knows: where one client's packets went lately, as the firewall's log says: those that its rules
// refused, and those that they let go while it was taught. Bounded. Touches nothing.

#include <compare>
#include <cstdint>
#include <list>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "pinning/address.h"
#include "pinning/clock.h"
#include "pinning/logged_packet.h"

namespace dnspin {

struct SeenPacket {
  LoggedPacket packet;  // the last of its kind
  uint64_t count = 0;   // as far as they were logged
  BootTime first;
  BootTime last;

  std::string Protocol() const;  // "tcp"
};

class SeenPackets {
 public:
  static constexpr size_t kMax = 256;  // kinds of them, those that came last

  void Take(const LoggedPacket& packet, BootTime now);

  const std::list<SeenPacket>& all() const { return all_; }  // the latest first
  // The services that were let go to any of these addresses, each once: "tcp/443".
  std::vector<std::string> UsedWith(std::span<const Address> addresses) const;

 private:
  struct Kind {
    Address destination;
    uint8_t protocol = 0;
    uint16_t port = 0;
    bool accepted = false;
    auto operator<=>(const Kind&) const = default;
    template <typename H>
    friend H AbslHashValue(H h, const Kind& kind) {
      return H::combine(std::move(h), kind.destination, kind.protocol, kind.port, kind.accepted);
    }
  };
  static Kind KindOf(const LoggedPacket& packet) {
    return {packet.destination, packet.protocol, packet.port, packet.accepted};
  }

  std::list<SeenPacket> all_;
  absl::flat_hash_map<Kind, std::list<SeenPacket>::iterator> by_kind_;
};

std::string ProtocolText(uint8_t number);  // "tcp", or the number

}  // namespace dnspin
