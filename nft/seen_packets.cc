#include "nft/seen_packets.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>

namespace dnspin {

std::string ProtocolText(uint8_t number) {
  switch (number) {
    case IPPROTO_TCP:
      return "tcp";
    case IPPROTO_UDP:
      return "udp";
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return "icmp";
    default:
      return fmt::format("{}", number);
  }
}

std::string SeenPacket::Protocol() const { return ProtocolText(packet.protocol); }

void SeenPackets::Take(const LoggedPacket& packet, BootTime now) {
  const Kind kind = KindOf(packet);
  if (const auto known = by_kind_.find(kind); known != by_kind_.end()) {
    all_.splice(all_.begin(), all_, known->second);
  } else {
    all_.push_front({packet, 0, now, now});
    by_kind_[kind] = all_.begin();
    if (all_.size() > kMax) {
      by_kind_.erase(KindOf(all_.back().packet));
      all_.pop_back();
    }
  }
  SeenPacket& seen = all_.front();
  seen.packet = packet;
  seen.last = now;
  ++seen.count;
}

std::vector<std::string> SeenPackets::UsedWith(std::span<const Address> addresses) const {
  std::vector<std::string> used;
  for (const SeenPacket& seen : all_) {
    const auto& to = seen.packet.destination;
    if (!seen.packet.accepted || seen.packet.port == 0 ||
        std::find(addresses.begin(), addresses.end(), to) == addresses.end()) {
      continue;
    }
    std::string service = fmt::format("{}/{}", seen.Protocol(), seen.packet.port);
    if (std::find(used.begin(), used.end(), service) == used.end()) {
      used.push_back(std::move(service));
    }
  }
  return used;
}

}  // namespace dnspin
