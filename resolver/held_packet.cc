#include "resolver/held_packet.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>

#include <cstring>
#include <optional>

#include "resolver/netlink_message.h"

namespace dnspin {
namespace {

// One message's attributes. `cut`: the last one may be shorter than it says.
std::optional<HeldPacket> PacketIn(std::span<const uint8_t> attributes, bool cut) {
  HeldPacket packet;
  bool numbered = false;
  packet.whole = !cut;
  const bool sound = netlink::ForEachAttribute(attributes, [&](const netlink::Attribute& said) {
    nfqnl_msg_packet_hdr start{};
    switch (said.type) {
      case NFQA_PACKET_HDR:
        if (said.whole && said.value.size() >= sizeof(start)) {
          std::memcpy(&start, said.value.data(), sizeof(start));
          packet.number = ntohl(start.packet_id);
          numbered = true;
        }
        break;
      case NFQA_PAYLOAD:
        packet.octets = said.value;
        packet.whole = packet.whole && said.whole;
        break;
      case NFQA_CAP_LEN:  // of one that was cut in the kernel
        packet.whole = false;
        break;
      default:
        break;
    }
  });
  return sound && numbered ? std::optional(packet) : std::nullopt;
}

}  // namespace

void ReadHeldPackets(std::span<const uint8_t> datagram, bool cut,
                     const std::function<void(const HeldPacket&)>& each) {
  netlink::ForEachMessage(datagram, cut, NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET,
                          [&](std::span<const uint8_t> attributes) {
                            if (const auto packet = PacketIn(attributes, cut)) {
                              each(*packet);
                            }
                          });
}

}  // namespace dnspin
